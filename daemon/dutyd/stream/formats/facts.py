"""What a format finds in one object: the value between the formats and the decoder, which makes events of it."""

from typing import Any, Final, NamedTuple

ARRIVAL: Final = object()
"""In place of a time: the record's timestamp counts, whatever the settings rename."""


class Facts(NamedTuple):
    """One event before its id, source and time are settled.

    Attributes:
        fields: flat.
        id: as the producer gave it, of any type; None where it gave none.
        source: the same.
        time: the same, or ``ARRIVAL``.

    """

    fields: dict[str, Any]
    id: Any = None
    source: Any = None
    time: Any = None
