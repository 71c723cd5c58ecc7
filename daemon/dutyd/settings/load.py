"""Settings file and environment variables in, one checked ``Settings`` out; or every problem at once.

A variable wins over the file. ``DUTYD_MODEL__BASE_URL`` is ``model.base_url``: the prefix, then the path with two
underscores between its parts, in any case. Own code instead of a settings library: reading the environment is a loop,
and this way an unknown variable is found and every message can name its variable, or its line in the file.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dutyd.core.errors import SettingsError, nearest
from dutyd.settings.model import Settings
from dutyd.settings.problems import Finding, Origin, explain
from dutyd.settings.yaml_file import read_yaml

PREFIX = "DUTYD_"
NO_SETTINGS = ("DUTYD_SETTINGS", "DUTYD_DEBUG")
"""Variables of the command line, not of the installation."""

Group = TypeVar("Group", bound=BaseModel)

_SERVICE_LINK = re.compile(r"DUTYD(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9]+)*|PORT(_[0-9]+_[A-Z]+.*)?)")
"""What Kubernetes puts into every pod beside a service named dutyd: not meant for us."""


def load_settings(file: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of *file*, with the ``DUTYD_*`` variables of *environ* over them.

    Relative paths are taken from the folder of *file*.

    Raises:
        SettingsError: with every problem, its place, and what to do.

    """
    data, marks = read_yaml(file)
    origin = Origin(file, marks, {})
    _put_variables(data, origin.variables, environ)
    try:
        settings = _anchored(Settings.model_validate(data), file.parent)
    except ValidationError as error:
        raise _refusal(explain(error, data), origin) from None
    if findings := list(_misfits(settings)):
        raise _refusal(findings, origin)
    return settings


def _refusal(findings: list[Finding], origin: Origin) -> SettingsError:
    findings = sorted(findings, key=lambda finding: origin.order(finding.path))
    lines = [f"  {origin.of(finding.path)}: {finding.message}" for finding in findings]
    problems = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return SettingsError("\n".join([f"the settings can't be used ({problems}):", *lines]))


def _put_variables(data: dict[str, Any], places: dict[tuple[str, ...], str], environ: Mapping[str, str]) -> None:
    """Put every ``DUTYD_*`` variable that holds something into *data*, and its name into *places*."""
    named = set(_named_variables(data))
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or not environ[name] or name in named or name in NO_SETTINGS:
            continue
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if _SERVICE_LINK.fullmatch(name) and path[0] not in Settings.model_fields:
            continue
        group = data
        for part in path[:-1]:
            if not isinstance(group.get(part), dict):
                group[part] = {}
            group = group[part]
        group[path[-1]] = environ[name]
        places[path] = name


def _named_variables(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the variables that settings such as ``api_key_env`` name: they may begin with ``DUTYD_``, too."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _named_variables(value)
        elif name.endswith("_env") and isinstance(value, str):
            yield value


def _anchored(group: Group, folder: Path) -> Group:
    """Return *group* with its relative paths taken from *folder*."""
    changes: dict[str, Any] = {}
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, Path):
            changes[name] = folder / value.expanduser()
        elif isinstance(value, BaseModel):
            changes[name] = _anchored(value, folder)
        elif isinstance(value, Mapping):
            changes[name] = {
                key: _anchored(each, folder) if isinstance(each, BaseModel) else each for key, each in value.items()
            }
    changes |= _anchored_options(group.model_extra or {}, folder)
    return group.model_copy(update=changes)


def _anchored_options(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a provider's *options*: whatever kind it is, a text whose name ends in ``_file`` is a path."""

    def anchored(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return _anchored_options(value, folder)
        is_path = name.endswith("_file") and isinstance(value, str) and value
        return str(folder / Path(value).expanduser()) if is_path else value

    return {name: anchored(name, value) for name, value in options.items()}


def _misfits(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong between settings, each of which is fine alone."""
    if settings.policy is not None and not settings.policy.is_file():
        yield Finding(("policy",), f"{settings.policy} is not there: without `policy` there is no ceiling")
    if settings.redis_password_file is not None and settings.redis is None:
        yield Finding(("redis_password_file",), "there is no `redis` whose password it could be: set `redis`, too")
    readers: dict[str, str] = {}
    for alias, topic in settings.sources.items():
        path = ("topics", alias, "topic")
        if topic.topic in settings.own_topics.all():
            yield Finding(path, f"'{topic.topic}' is a topic of dutyd's own, it can't be a source")
        elif topic.topic in readers:
            yield Finding(path, f"'{topic.topic}' is already the topic of '{readers[topic.topic]}': use that alias")
        readers[topic.topic] = alias
    kinds = {point.name for point in entry_points(group="dutyd.providers")}
    for place, kind in _provider_kinds(settings):
        if kind not in kinds:
            message = f"there is no provider '{kind}'{nearest(kind, kinds)} (installed: {', '.join(sorted(kinds))})"
            yield Finding(place, message)
        elif place[-2] == "default":
            yield Finding(place[:-1], "the provider's own settings are the route 'default': use another name")


def _provider_kinds(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where each provider and each route says its kind, and that kind."""
    for family, provider in settings.providers:
        if provider is not None:
            yield ("providers", family, "kind"), provider.kind
            for name, route in provider.routes.items():
                yield ("providers", family, "routes", name, "kind"), route.kind or provider.kind
