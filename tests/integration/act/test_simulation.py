"""Some hundred random fault runs in a simulated world; ``make crash-long`` plays thirty thousand."""

from crash.simulation import simulation
from dutyd.core.tool import ProviderClass
from support.crash.protections import GUARD
from support.simulation.world import KINDS, Kind

FAULTS = {
    *("death", "frozen", "slow", "away"),
    *("empty Redis", "older Redis", "restarted Redis", "compaction"),
    *("not sent", "lost request", "late execution", "lost answer", "failed look-up", "no answer"),
    *("repeated trigger", "round", "clear", "edit"),
}


def test_whatever_breaks_between_two_steps_nothing_is_lost_and_nothing_is_done_twice(valkey_url: str) -> None:
    found = simulation(valkey_url, runs=200)
    assert set(found) == set(KINDS)
    assert [each for one in found.values() for each in one.wrong] == []
    assert {name for one in found.values() for name in one.faults} >= FAULTS


def test_without_its_look_up_class_b_would_be_done_twice(valkey_url: str) -> None:
    blind = Kind(ProviderClass.B, blind=True)
    wrong = simulation(valkey_url, runs=40, kinds=(blind,))[blind].wrong
    assert any("was done 2 times" in each for each in wrong)


def test_without_the_guard_against_a_restarted_redis_something_would_be_lost_or_done_twice(valkey_url: str) -> None:
    kind = Kind(ProviderClass.C)
    assert simulation(valkey_url, runs=100, kinds=(kind,), off=(GUARD,))[kind].wrong
