"""Outages in the log: their beginning, each other reason, a reminder, their end; not each try."""

from structlog.testing import capture_logs

from dutyd.act.outages import AGAIN_SECONDS, Outage


def test_an_outage_is_told_when_it_begins_now_and_then_and_when_it_is_over() -> None:
    now = 0.0
    outage = Outage("it can't be done", "it is done again", {"topic": "a"}, lambda: now)
    with capture_logs() as said:
        outage.is_over()
        for now in (0.0, 0.1, AGAIN_SECONDS - 1):  # noqa: B007  # the clock reads it
            outage.lasts(OSError("refused"))
        outage.lasts(OSError("no route"))
        now += AGAIN_SECONDS
        outage.lasts(OSError("no route"))
        outage.is_over()
        outage.is_over()
        outage.lasts(OSError("no route"))
    told = [(line["event"], line.get("error"), line["topic"]) for line in said]
    refused, no_route = (("it can't be done", reason, "a") for reason in ("refused", "no route"))
    assert told == [refused, no_route, no_route, ("it is done again", None, "a"), no_route]
