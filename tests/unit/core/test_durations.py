"""Durations have a unit."""

import pytest

from dutyd.core.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("100ms", 0.1), ("10s", 10), ("1.5h", 5400), ("2 m", 120), ("7d", 604800), (" 0s ", 0)],
)
def test_a_number_with_a_unit_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "10 parsecs", "1h30m", "ten minutes", "1e3s"])
def test_anything_else_says_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is no duration: write a number with its unit"):
        parse_duration(text)
