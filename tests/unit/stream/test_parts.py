"""A document taken apart tells the same as the whole, thing by thing."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.topic import Topic
from dutyd.stream.formats import Decoder
from dutyd.stream.formats.parts import apart
from support.records import FakeRecord

names = st.sampled_from(["service", "alertname", "env"])
labels = st.dictionaries(names, st.text(max_size=5))
alerts = st.fixed_dictionaries(
    {
        "labels": labels,
        "status": st.sampled_from(["firing", "resolved"]),
        "startsAt": st.just("2026-01-31T09:00:00Z"),
        "fingerprint": st.text("0123456789abcdef", min_size=4, max_size=4),
    }
)
messages = st.fixed_dictionaries(
    {"version": st.just("4"), "status": st.just("firing"), "alerts": st.lists(alerts, max_size=4)}
)
objects = st.dictionaries(names, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))


def told(value: bytes) -> list[dict[str, Any]]:
    decoded = Decoder(Topic(alias="a", topic="t"), 0).decode([FakeRecord(value)])
    assert not decoded.bad
    return [event.fields for event in decoded.events]


@given(st.lists(objects | messages, max_size=4) | messages | objects)
def test_the_parts_tell_what_the_whole_tells_in_its_order(document: Any) -> None:
    value = json.dumps(document).encode()
    parts = apart(value)
    assert [fields for part in parts for fields in told(part)] == told(value)
    # Parts of an array may be messages themselves; taken apart once more, each tells of one thing at most.
    assert all(len(told(small)) <= 1 for part in parts for small in apart(part))


def test_what_tells_of_one_thing_is_left_as_it_is() -> None:
    value = b'{"service":  "pay", "n": 12.0}'
    assert apart(value) == [value]
