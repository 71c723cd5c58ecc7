"""What each HTTP answer means for a request that was to make something."""

import httpx2
import pytest

from dutyd.core.tool import KeyKnownError, NotSentError, ProviderError, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.http import outcome, retry_after

SENT = "Mon, 23 Nov 2026 07:00:00 GMT"

EXPECTED: dict[type[ProviderError], list[int]] = {
    NotSentError: [429],
    KeyKnownError: [409, 412],
    UnknownOutcomeError: [301, 303, 308, 408, 425, 500, 502, 503, 504, 599],
    RefusedError: [400, 401, 403, 404, 405, 410, 413, 415, 418, 422, 451],
}


@pytest.mark.parametrize(("error", "status"), [(error, status) for error, all_ in EXPECTED.items() for status in all_])
def test_a_status_means_one_error(error: type[ProviderError], status: int) -> None:
    told = outcome(status, "said", 3.0)
    assert type(told) is error
    assert str(told) == "said"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("9" * 400, 86_400.0),
        ("Mon, 23 Nov 2026 07:01:30 GMT", 90.0),
        ("Mon, 23 Nov 2026 06:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2027 06:00:00 GMT", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_delay_is_a_number_or_a_date_held_against_the_answers_own(told: str, seconds: float | None) -> None:
    assert retry_after(httpx2.Headers({"retry-after": told, "date": SENT})) == seconds


def test_a_date_without_the_answers_own_says_nothing() -> None:
    assert retry_after(httpx2.Headers({"Retry-After": SENT})) is None
    assert retry_after(httpx2.Headers({})) is None
