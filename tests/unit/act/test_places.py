"""Places for agent runs: never more than there are, and never all for one rule."""

from contextlib import ExitStack

from dutyd.act.places import Places


def test_one_rule_leaves_places_to_others() -> None:
    places = Places(runs=5, of_rule=3)
    with ExitStack() as held:
        got = [held.enter_context(places.one("storm")) for _ in range(5)]
        assert got == [True, True, True, False, False]
        assert [held.enter_context(places.one("calm")) for _ in range(3)] == [True, True, False]
    with places.one("storm") as free:
        assert free
