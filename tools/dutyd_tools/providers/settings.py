"""Settings of a provider: from what stands in the settings file to a checked model, or to words for a person."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dutyd.core.errors import SettingsError, nearest


class ProviderSettings(BaseModel):
    """Base of every provider's settings: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=ProviderSettings)


def read_settings(kind: str, model: type[Model], settings: Mapping[str, Any]) -> Model:
    """Return *settings* as *model*.

    Raises:
        SettingsError: they are wrong; names every mistake, and the nearest name of an unknown setting.

    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        known = {field.alias or name for name, field in model.model_fields.items()}
        told = [_told(mistake["type"], mistake["loc"], mistake["msg"], known) for mistake in error.errors()]
        raise SettingsError(f"provider {kind}: {'; '.join(told)}") from error


def _told(kind: str, place: tuple[int | str, ...], message: str, known: set[str]) -> str:
    name = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return f"unknown setting '{name}'{nearest(name, known)} (known: {', '.join(sorted(known))})"
    if kind == "missing":
        return f"the setting '{name}' is missing"
    return f"{name}: {message}"
