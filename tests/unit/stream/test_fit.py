"""Rights put together: each once, with all its reasons."""

from dutyd.core.topic import OwnTopics
from dutyd.stream.fit import Access, Kind, Right, evaluator_needs, together, worker_needs


def test_a_right_that_two_roles_need_is_named_once_with_both_reasons() -> None:
    own = OwnTopics("duty")
    needs = together((*evaluator_needs(own, ("metrics",)), *worker_needs(own)))
    named = [(need.kind, need.name, need.right) for need in needs]
    assert len(named) == len(set(named))
    (triggers,) = [need for need in needs if (need.name, need.right) == (own.triggers, Right.READ)]
    assert triggers.why == "read latches back after a loss of Redis; accept triggers"


def test_describe_is_not_named_where_read_or_write_contains_it() -> None:
    read, see = (Access(Kind.TOPIC, "a", right, "x") for right in (Right.READ, Right.DESCRIBE))
    other = Access(Kind.TOPIC, "b", Right.DESCRIBE, "x")
    assert together((see, read, other)) == (read, other)
