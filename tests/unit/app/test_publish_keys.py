"""How a published line is keyed, and which lines are refused."""

import pytest

from dutyd.app.publish import Keys, read_lines
from dutyd.core.errors import BadInputError
from dutyd.core.topic import Format, Topic


def keys(*fields: str, format_: Format = Format.AUTO) -> Keys:
    return Keys(Topic(alias="metrics", topic="prod.metrics", partitioned_by=fields, format=format_))


@pytest.mark.parametrize(
    ("fields", "line", "key"),
    [
        # The values, percent-encoded, in the order of the settings.
        (("service",), b'{"service": "checkout", "error_count": 12}', b"checkout"),
        (("sku", "location"), b'{"location": "main", "sku": "A/1"}', b"A%2F1/main"),
        # A whole number, a bool and a text of the same looks are one entity.
        (("sku",), b'{"sku": 12}', b"12"),
        (("sku",), b'{"sku": 12.0}', b"12"),
        (("sku",), b'{"sku": "12"}', b"12"),
        (("live",), b'{"live": true}', b"true"),
        # Fields are found where the format has them.
        (("host.name",), b'{"host": {"name": "web1"}}', b"web1"),
        (("service",), b'{"metric": "errors", "value": 3, "labels": {"service": "checkout"}}', b"checkout"),
        (("sku",), b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"sku": "A"}}', b"A"),
        # Several events of one entity share a record.
        (("service",), b'[{"service": "a", "n": 1}, {"service": "a", "n": 2}]', b"a"),
        # What can't be part of an entity makes no key.
        (("service",), b'{"host": "web1"}', None),
        (("service",), b'{"service": null}', None),
        (("service",), b'{"service": 1.5}', None),
        (("sku", "location"), b'{"sku": "A"}', None),
        # Without `partitioned_by` there are no keys.
        ((), b'{"service": "checkout"}', None),
    ],
)
def test_a_record_is_keyed_by_the_values_of_its_topic(fields: tuple[str, ...], line: bytes, key: bytes | None) -> None:
    assert keys(*fields).of(line) == key


@pytest.mark.parametrize("line", [b"{", b"12", b'"text"', b'{"n": NaN}', b'{"time": "soon"}', b"\xff{}"])
def test_a_line_without_events_is_refused(line: bytes) -> None:
    with pytest.raises(BadInputError):
        keys("service").of(line)


def test_events_of_several_keys_in_one_line_are_refused() -> None:
    with pytest.raises(BadInputError, match="its events differ in service: put each into a line of its own"):
        keys("service").of(b'[{"service": "a"}, {"service": "b"}]')


def test_a_line_must_be_of_the_format_that_the_settings_name() -> None:
    with pytest.raises(BadInputError):
        keys("service", format_=Format.ALERTMANAGER).of(b'{"service": "a"}')


def test_lines_are_numbered_as_an_editor_does_and_empty_ones_left_out() -> None:
    raw = [b'\xef\xbb\xbf{"n": 1}\r\n', b"\n", b"  \n", b'{"n": 2}']
    assert [(line.number, line.value) for line in read_lines(raw)] == [(1, b'{"n": 1}'), (4, b'{"n": 2}')]
