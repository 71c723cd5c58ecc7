"""Which events go to a by-key topic, and that they arrive there as they were."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.opening import Guard, Item, Opens, Sequence
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic, own_topics_of, read_topics, task_name
from dutyd.evaluate.by_key import carry, mark, read_carried, routed, routes, topic_of, wanted

TOPIC = Topic(alias="metrics", topic="prod.metrics", partitioned_by=("host",), partitions=4, rekey=True)
TOPICS = {"metrics": TOPIC, "plain": Topic(alias="plain", topic="plain", partitioned_by=("host",))}


def rule(
    name: str, *per: str, where: str | None = None, topic: str = "metrics", opens: Opens = Opens.ON_CHANGE
) -> Rule:
    seen = None if where is None else parse(where)
    return Rule(id=name, topic=topic, when=parse("error_count > 1"), per=per, where=seen, opens=opens)


def event(**fields: object) -> Event:
    return Event("e1", "prom", 99.5, 100.25, 17, {"host": "h", "service": "a/b", **fields}, told=101.0)


def test_only_rules_that_the_key_does_not_fit_go_by_key() -> None:
    rules = [
        rule("fits", "host"),
        rule("wider", "service", "host"),
        rule("other", "service"),
        rule("whole"),
        rule("each", "service", opens=Opens.EACH_EVENT),
        rule("elsewhere", "service", topic="plain"),
    ]
    found = {each.id: each.topic for each in routed(rules, TOPICS)}
    by_key = {"other": "metrics by service", "whole": "metrics by "}
    assert found == {"fits": "metrics", "wider": "metrics", "each": "metrics", "elsewhere": "plain"} | by_key
    assert [route.per for route in routes(rules, TOPICS)["metrics"]] == [("service",), ()]


def test_a_sequence_on_one_topic_goes_by_key_with_all_events() -> None:
    items = (Item("deploy", "metrics", parse('kind == "deploy"')), Item("error", "metrics"))
    found = Sequence(items, 60.0, Guard("metrics", parse('kind == "rollback"')))
    one = replace(rule("one", "service", where='env == "prod"'), sequence=found)
    several = replace(one, id="several", sequence=replace(found, unless=Guard("plain", parse("a == 1"))))
    by_key, direct = routed([one, several], TOPICS)
    assert by_key.topics == {"metrics by service"}
    assert direct.topics == {"metrics", "plain"}
    (ways,) = routes([one], TOPICS).values()
    assert [route.passes(event(env="test")) for route in ways] == [True]


def test_an_event_is_carried_once_for_each_per_and_only_where_a_rule_sees_it() -> None:
    rules = [
        rule("a", "service", where='env == "prod"'),
        rule("b", "service", where="error_count > 5"),
        rule("c", "zone"),
    ]
    (ways,) = routes(rules, TOPICS).values()
    seen = [event(env="prod", error_count=9), event(env="test"), Event("x", "dutyd", 1.0, 1.0, 0, {"env": "prod"})]
    assert [(route.per, each.fields["env"]) for route, each in wanted(ways, seen)] == [
        (("service",), "prod"),
        (("zone",), "prod"),
        (("zone",), "test"),
    ]


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
        max_size=4,
    )
)
def test_an_event_arrives_as_it_was(fields: dict[str, object]) -> None:
    (ways,) = routes([rule("a", "service")], TOPICS).values()
    sent = event(**{f"x{name}": value for name, value in fields.items()})
    record = carry(ways[0], sent, 3, 100.25, "dutyd.by-key.metrics")
    assert record is not None
    found = read_carried(record.value)
    assert (record.key, record.topic) == (b"a%2Fb", "dutyd.by-key.metrics")
    assert (found.partition, found.per, found.event) == (3, ("service",), sent)
    assert found.event is not None
    assert found.event.identity == sent.identity


def test_an_event_without_that_entity_goes_nowhere() -> None:
    (ways,) = routes([rule("a", "zone")], TOPICS).values()
    assert carry(ways[0], event(), 0, 0.0, "t") is None
    assert carry(ways[0], event(zone=1.5), 0, 0.0, "t") is None


def test_what_can_not_be_read_is_said() -> None:
    assert read_carried(mark(2, 7.5, "t", 1).value).upto == 7.5
    for value in (None, b"", b"x", b'{"partition": "1"}', b"\xff"):
        with pytest.raises(ValueError, match="no record of a by-key topic"):
            read_carried(value)
    with pytest.raises(NotReadyError, match="run the newer dutyd"):
        read_carried(b'{"v": 99, "partition": "new"}')


def test_each_topic_that_says_rekey_has_one_with_tasks_of_its_own() -> None:
    own = own_topics_of("shop", TOPICS.values())
    *_, by_key = read_topics(own, TOPICS.values())
    assert own.by_keys == ("shop.by-key.metrics",)
    assert by_key.topic in own.all()
    assert (by_key.topic, by_key.carries, by_key.partitions) == ("shop.by-key.metrics", "prod.metrics", 4)
    assert {task_name(each, 4, 0) for each in (*TOPICS.values(), by_key)} == {"4.0", "metrics-by-key.4.0"}
    assert topic_of("metrics by service") == by_key.alias
    assert topic_of("metrics") == "metrics"
