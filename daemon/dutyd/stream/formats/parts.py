"""A document that tells of several things, taken apart: for records that have to lie under several keys.

``app.bridge`` calls it where one post of Alertmanager tells of several services. What comes out are documents of the
same format, each telling of one thing.
"""

from typing import Any

import msgspec

from dutyd.stream.formats.document import read_json


def apart(value: bytes) -> list[bytes]:
    """Return the items of an array, or one message for each alert of an Alertmanager message; else *value* alone.

    Raises:
        BadInputError: it is no JSON.

    """
    document: Any = read_json(value)
    if isinstance(document, list):
        return [msgspec.json.encode(item) for item in document]
    if isinstance(document, dict) and isinstance(document.get("alerts"), list):
        return [msgspec.json.encode({**document, "alerts": [alert]}) for alert in document["alerts"]]
    return [value]
