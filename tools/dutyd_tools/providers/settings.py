"""Settings of a provider: from what stands in the settings file to a checked model, or to words for a person."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from dutyd.core.duration import parse_duration
from dutyd.core.errors import SettingsError, nearest


def _seconds(value: object) -> object:
    # Variables of the environment are texts, so "30" must do, too.
    is_number = not isinstance(value, str) or value.strip().replace(".", "", 1).isdigit()
    return value if is_number else parse_duration(str(value))


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A duration with its unit, such as ``30s`` or ``24h``; a bare number counts seconds."""


def is_web_address(value: str) -> bool:
    """Whether *value* is an address that a request can go to, its port included."""
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other, or a port that is none
        return False


def _address(value: str) -> str:
    if not is_web_address(value):
        shown = value.rpartition("@")[2]  # without a login that stands before it
        raise ValueError(f"'{shown}' is no web address: write http://host:port/path or https://...")
    return value


WebAddress = Annotated[str, AfterValidator(_address)]
"""An address that begins with ``http://`` or ``https://``."""


class ProviderSettings(BaseModel):
    """Base of every provider's settings: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=ProviderSettings)


def _nothing(_: ProviderSettings) -> Iterable[str]:
    """Find nothing: the model says it all."""
    return ()


def read_settings(
    kind: str,
    model: type[Model],
    settings: Mapping[str, Any],
    problems: Callable[[Model], Iterable[str]] = _nothing,
) -> Model:
    """Return *settings* as *model*; *problems* says what else is wrong with what the model lets pass.

    Raises:
        SettingsError: they are wrong; names every mistake, and the nearest name of an unknown setting.

    """
    try:
        read = model.model_validate(dict(settings))
    except ValidationError as error:
        told = [_told(mistake, model) for mistake in error.errors(include_url=False)]
        raise SettingsError(f"provider {kind}: {'; '.join(told)}") from error
    if found := [*problems(read)]:
        raise SettingsError(f"provider {kind}: {'; '.join(found)}")
    return read


def _told(mistake: ErrorDetails, model: type[BaseModel]) -> str:
    place = tuple(part for part in mistake["loc"] if part != "[key]")
    name = ".".join(map(str, place))
    if mistake["type"] == "extra_forbidden":
        known = {field.alias or name for name, field in _group(model, place[:-1]).model_fields.items()}
        hint = nearest(str(place[-1]), known) or f" (known: {', '.join(sorted(known))})"
        return f"unknown setting '{name}'{hint}"
    if mistake["type"] == "missing":
        return f"the setting '{name}' is missing"
    if mistake["type"] in ("dict_type", "mapping_type", "model_type"):
        return f"{name}: holds settings of its own, one `name: value` a line below it"
    said = mistake["msg"].removeprefix("Value error, ")
    return f"{name}: {said}" if name else said


def _group(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the group of settings at *place* below *model*: names lead to members, or are keys of a mapping."""
    for part in place:
        field = next((each for name, each in model.model_fields.items() if part in (name, each.alias)), None)
        if field is not None:
            model = next((each for each in _parts(field.annotation) if issubclass(each, BaseModel)), model)
    return model


def _parts(annotation: Any) -> list[type]:
    inner = [part for each in get_args(annotation) for part in _parts(each)]
    return [annotation, *inner] if isinstance(annotation, type) else inner
