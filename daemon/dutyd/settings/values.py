"""Kinds of values that settings have: durations, addresses, names, secrets. Each says plainly what it expected.

The functions here are pydantic validators of the groups: text in, checked value out, ``ValueError`` with a message for
people otherwise.
"""

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from dutyd.core.duration import parse_duration
from dutyd.core.errors import SettingsError

REDIS_SCHEMES = ("redis", "rediss", "sentinel")
_HOST_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} of what? Write the unit, too: {value}s, {value}m")  # noqa: TRY004 - pydantic's way
    return value


def _words(value: object) -> object:
    """Take ``a, b`` (a variable's text, or a single name) for the list ``[a, b]``."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


Alias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""A name that rules use: of a topic, of a route."""

Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema({"type": "duration"})]
Words = Annotated[tuple[str, ...], BeforeValidator(_words), WithJsonSchema({"type": "list of names"})]


def redis_url(value: SecretStr) -> SecretStr:
    """Check a ``redis://``, ``rediss://`` or ``sentinel://`` address; what is shown of it never has its password."""
    parts = _split(value)
    if parts.scheme not in REDIS_SCHEMES:
        raise ValueError(
            f"'{masked(value)}' is no Redis address: write redis://host:6379/0, rediss://... (TLS) "
            "or sentinel://host:26379,host:26379/master"
        )
    _hosts(parts, masked(value))
    if parts.scheme == "sentinel" and not parts.path.strip("/"):
        raise ValueError(f"'{masked(value)}' names no master: write sentinel://host:26379,host:26379/master")
    return value


def stream_url(value: SecretStr) -> SecretStr:
    """Check a ``kafka://`` address, or a Redis one."""
    parts = _split(value)
    if parts.scheme in REDIS_SCHEMES:
        return redis_url(value)
    if parts.scheme != "kafka":
        raise ValueError(
            f"'{masked(value)}' is no stream address: write kafka://host:9092 (several: kafka://a:9092,b:9092) "
            "or redis://host:6379/0"
        )
    if "@" in parts.netloc:
        raise ValueError("a kafka:// address holds no password: set kafka.username and kafka.password_file")
    if parts.path.strip("/"):
        raise ValueError(f"'{masked(value)}' has something after the port: write kafka://host:9092 and nothing more")
    _hosts(parts, masked(value))
    return value


def http_url(value: str) -> str:
    """Check an ``http://`` or ``https://`` address; return it without a slash at its end."""
    parts = _web(value)
    if parts is None:
        raise ValueError(f"'{masked(value)}' is no web address: write http://host:port/path or https://...")
    if "@" in parts.netloc:
        raise ValueError("the address holds a password: give it by an environment variable or a file instead")
    return value.rstrip("/")


def secret_http_url(value: SecretStr) -> SecretStr:
    """Check an ``http://`` or ``https://`` address that is itself a secret: what is said of it never shows it."""
    if _web(value.get_secret_value()) is None:
        raise ValueError("this is no web address: write http://host:port/path or https://...")
    return value


def masked(value: SecretStr | str) -> str:
    """Return an address as it may be shown: its user and password replaced by ``***``."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return re.sub(r"(?<=//)[^/]*@", "***@", text)


def with_password(address: str, password: str) -> str:
    """Return *address* with *password* in it; its user stays, a password that it has does not."""
    scheme, _, rest = address.partition("://")
    login, _, place = rest.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"


def _web(value: str) -> SplitResult | None:
    """Return the parts of an ``http://`` or ``https://`` address, None where it is none."""
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other, or a port that is none
        return None
    return parts if fits else None


def _split(value: SecretStr) -> SplitResult:
    try:
        return urlsplit(value.get_secret_value())
    except ValueError as error:
        raise ValueError(f"'{masked(value)}' is no address: {error}") from None


def _hosts(parts: SplitResult, shown: str) -> None:
    for host in parts.netloc.rpartition("@")[2].split(","):
        match = _HOST_PORT.fullmatch(host)
        if match is None or not 0 < int(match["port"] or 1) < 65536:
            raise ValueError(f"'{shown}': '{host}' is not of the form host:port")


def read_secret(setting: str, *, file: Path | None, env: str | None) -> SecretStr | None:
    """Return the secret that *setting* names by file or by environment variable; None where it names none.

    Raises:
        SettingsError: the file can't be read, or the variable is not set.

    """
    if file is not None:
        try:
            return SecretStr(file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(f"{setting}_file: can't read {file}: {reason}") from error
    if env is not None:
        if not (value := os.environ.get(env)):
            raise SettingsError(f"{setting}_env: the environment variable {env} is not set")
        return SecretStr(value)
    return None
