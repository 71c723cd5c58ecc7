"""One task of the engine for tests that tell a story: rules as texts, events in a line, changes in short."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Latch, LatchKey, Limits, Plan, State, judge, plan, replay, tick

TOPIC = "metrics"
_offsets = count()


def rule(when: str, *, id: str = "r", per: tuple[str, ...] = ("k",), **more: Any) -> Rule:  # noqa: A002  # its name
    """Return a rule; ``where``, ``clear`` and the values of ``let`` are texts."""
    for part in ("where", "clear"):
        if part in more:
            more[part] = parse(more[part])
    if "let" in more:
        more["let"] = {name: parse(text) for name, text in more["let"].items()}
    return Rule(id=id, topic=more.pop("topic", TOPIC), per=per, when=parse(when), **more)


def event(time: float, k: Any = "a", *, offset: int | None = None, source: str = "test", **fields: Any) -> Event:
    """Return an event of the entity *k*; without an offset it gets the next one, and each an id of its own."""
    at = next(_offsets) if offset is None else offset
    return Event(f"e{at}", source, time, 10_000.0, at, {"k": k, **fields})


def short(changes: Iterable[Change]) -> list[tuple[str, str, str, float]]:
    """Return rule, entity, kind and time of each change."""
    return [(change.rule, "/".join(change.entity), change.kind.value, change.decided) for change in changes]


class Task:
    """A plan and a state."""

    def __init__(self, *rules: Rule, limits: Limits | None = None) -> None:
        self.plan: Plan = plan(rules, limits=limits)
        self.state = State()

    def judge(self, *events: Event) -> list[Change]:
        return judge(self.plan, self.state, TOPIC, events)

    def told(self, *events: Event) -> list[tuple[str, str, str, float]]:
        return short(self.judge(*events))

    def tick(self, watermark: float) -> list[Change]:
        return tick(self.plan, self.state, watermark)

    def replay(self, *events: Event) -> None:
        replay(self.plan, self.state, TOPIC, events)

    def load(self, latches: Mapping[LatchKey, Latch]) -> None:
        self.state.load(latches)
