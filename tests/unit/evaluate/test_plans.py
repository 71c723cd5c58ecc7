from dutyd.core.expr import parse
from dutyd.core.rule import Rule, RuleSet
from dutyd.evaluate.plans import Planned, Plans


def rules(digest: str, *when: str) -> RuleSet:
    found = [Rule(id=f"rule-{n}", topic="metrics", when=parse(text)) for n, text in enumerate(when)]
    return RuleSet(digest, {rule.id: rule for rule in found}, {})


def take_next(plans: Plans) -> Planned:
    """Ask once, let the planning end, and ask again."""
    plans.take()
    if plans._next is not None:
        plans._next.exception()
    return plans.take()


def test_a_new_rule_set_takes_over_when_it_is_planned() -> None:
    current = [rules("one", "a > 1")]
    plans = Plans(lambda: current[0], {})
    first = plans.take()
    assert (first.digest, len(first.plan.rules)) == ("one", 1)
    current[0] = rules("two", "a > 1", "b > 1")
    second = take_next(plans)
    assert (second.digest, len(second.plan.rules)) == ("two", 2)
    assert plans.take() is second
    plans.close()


def test_a_rule_set_that_cannot_be_planned_leaves_the_one_before() -> None:
    current = [rules("one", "a > 1")]
    plans = Plans(lambda: current[0], {})
    current[0] = RuleSet("broken", {"x": "no rule"}, {})  # type: ignore[dict-item]  # what must never happen
    assert take_next(plans).digest == "one"
    assert take_next(plans).digest == "one"
    current[0] = rules("three", "a > 1")
    assert take_next(plans).digest == "three"
    plans.close()
