"""The version that every record in Redis and on dutyd's own topics carries (``v``).

The version before is read; a newer one is "not ready": the newer dutyd that wrote it has to run.
"""

from typing import Final, TypeVar

import msgspec

from dutyd.core.errors import NotReadyError

VERSION: Final = 1
"""Of every kind of record that names no other."""

T = TypeVar("T")


class _Versioned(msgspec.Struct, frozen=True):
    v: int = VERSION


_versioned = msgspec.json.Decoder(_Versioned)


def newer(what: str, version: int, known: int = VERSION) -> NotReadyError:
    """Return the error for *what*, a record of a *version* above the *known* one."""
    return NotReadyError(f"{what} has version {version}, this dutyd knows {known}: run the newer dutyd")


def decode(value: bytes, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """Decode *value*; where that fails, its version says whether it is simply newer.

    Raises:
        NotReadyError: it is.
        msgspec.DecodeError: it is no such record.

    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError:
        version = _versioned.decode(value).v
        if version <= VERSION:
            raise
        raise newer(what, version) from None
