"""Entry ids as offsets, and records as entry fields."""

from hypothesis import given
from hypothesis import strategies as st

from dutyd.stream.redis.entries import LAST, entry, fields_of, id_before, id_of, offset_of

ids = st.tuples(st.integers(0, 2**43), st.integers(0, LAST))


def text(parts: tuple[int, int]) -> bytes:
    return b"%d-%d" % parts


@given(ids)
def test_an_offset_is_its_id(parts: tuple[int, int]) -> None:
    assert id_of(offset_of(text(parts))) == text(parts)


@given(ids, ids)
def test_offsets_order_like_ids(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (offset_of(text(one)) < offset_of(text(other))) == (one < other)


@given(ids.filter(lambda parts: parts > (0, 0)))
def test_reading_after_the_id_before_an_offset_finds_it(parts: tuple[int, int]) -> None:
    before = tuple(int(part) for part in id_before(offset_of(text(parts))).split(b"-"))
    assert before < parts


def test_a_sequence_beyond_bounds_is_the_last_of_its_millisecond() -> None:
    assert offset_of(b"5-%d" % (LAST + 7)) == offset_of(b"5-%d" % LAST) < offset_of(b"6-0")


def test_the_timestamp_is_the_ids_milliseconds() -> None:
    assert entry(b"1800000000123-4", {b"value": b"x"}).timestamp == 1_800_000_000_123


def test_a_plain_entry_needs_only_a_value() -> None:
    found = entry(b"1-0", {b"value": b"{}"})
    assert (found.value, found.key, list(found.headers)) == (b"{}", None, [])


headers = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), unique_by=lambda each: each[0], max_size=4)


@given(st.none() | st.binary(), st.none() | st.binary(), headers)
def test_a_record_comes_back_from_its_fields(
    value: bytes | None, key: bytes | None, heads: list[tuple[str, bytes]]
) -> None:
    fields = fields_of(value, key, heads)
    assert fields
    found = entry(b"1-0", fields)
    assert (found.value, found.key, list(found.headers)) == (value, key, heads)
