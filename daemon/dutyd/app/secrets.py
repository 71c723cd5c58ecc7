"""The secrets that the settings name or hold, collected so that no log and no model is told one.

Called by ``cli.places``, ``acting`` and ``pacing``.

It looks at the settings as a whole and not at single keys: a provider's options are its own, and a setting that is
added later must not be forgotten here.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from dutyd.core.secrets import Known
from dutyd.settings.model import Settings

_NAMES: Final = ("key", "password", "secret", "token", "url", "webhook")


def known_secrets(settings: Settings) -> Known:
    """Return what is secret in *settings*; a file that can't be read is somebody else's complaint."""
    return Known(secrets_in(settings.model_dump()))


def secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is secret in *options*, settings by their names."""
    return _found("", options)


def _found(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, each in value.items():
            yield from _found(str(inner), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _found(name, each)
    elif isinstance(value, SecretStr):
        yield from _held(value.get_secret_value())
    elif isinstance(value, str | Path):
        yield from _named(name, str(value))


def _named(name: str, value: str) -> Iterator[str]:
    what, _, place = name.rpartition("_")
    if place == "env":
        yield from _held(os.environ.get(value, ""))
    elif place == "file" and any(word in what for word in _NAMES):
        try:
            yield from _held(Path(value).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            return


def _held(secret: str) -> Iterator[str]:
    """Yield *secret*; of an address with a login its password, too, as it is alone."""
    if not secret:
        return
    try:
        password = urlsplit(secret).password
    except ValueError:
        password = None
    if "://" not in secret or password or urlsplit(secret).path.strip("/0123456789"):
        yield secret
    if password:
        yield from (password, unquote(password))
