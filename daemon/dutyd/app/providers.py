"""Opens the systems behind the tools: what the settings name, and the embedded back office where they name none.

Called by ``world`` for a worker and for ``doctor``. Whatever is wrong in a provider's settings is said with the place
at which it stands.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from importlib.metadata import entry_points
from typing import Any

from dutyd.core.errors import SettingsError
from dutyd.core.route import Routes
from dutyd.core.tool import Provider
from dutyd.settings.model import Settings
from dutyd.settings.providers import ProviderSettings

RUNBOOKS = "runbooks"


def open_providers(
    settings: Settings, families: AbstractSet[str], backoffice_url: Callable[[], str]
) -> Mapping[str, Routes]:
    """Return the routes of each of *families*.

    Raises:
        SettingsError: with every provider's problems.

    """
    chosen = {family: setting for family, setting in settings.providers if setting is not None}
    opened = {RUNBOOKS: Routes(_connect("folder", {"dir": str(settings.runbooks_folder)}))}
    problems = []
    for family in sorted(families - {RUNBOOKS}):
        if (setting := chosen.get(family)) is None:
            opened[family] = Routes(_connect("backoffice", {"url": backoffice_url()}), stands_in=True)
            continue
        try:
            opened[family] = _routes(family, setting)
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return opened


def _routes(family: str, setting: ProviderSettings) -> Routes:
    found: dict[str, Provider] = {}
    problems = []
    for name in ("", *setting.routes):
        place = f"providers.{family}.routes.{name}" if name else f"providers.{family}"
        try:
            found[name] = _connect(*setting.route(name))
        except SettingsError as error:
            problems.append(f"{place}: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return Routes(found.pop(""), found)


def _connect(kind: str, options: Mapping[str, Any]) -> Provider:
    connect = next(iter(entry_points(group="dutyd.providers", name=kind))).load()
    provider: Provider = connect(options)
    return provider
