"""The events and rules that ``decode`` and ``engine`` are measured with: as `bench/README.md` says, without a broker.

Events are about 200 bytes of JSON with three metric fields, 10,000 services, in the order of time; about one in a
thousand passes a threshold, so that latches do change. A service has 30 metrics of its own out of all there are, and
says the same ones again and again, as services do. Rules are spread over the fields: thresholds with a margin, every
tenth over a window, half of them with ``where``, half with ``clear``.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dutyd.core.expr import parse
from dutyd.core.rule import Rule

ENTITIES = 10_000
BEGIN = 1_700_000_000.0
METRICS = 30
"""How many fields one service knows; an event has three of them."""

HIGHEST = 900.0
"""The largest everyday value; thresholds begin above it."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as the broker gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def records(
    count: int, fields: int, *, per_second: float = 100_000.0, passing: int = 1_000, entities: int = ENTITIES
) -> list[Raw]:
    """Return *count* records.

    Args:
        count: how many.
        fields: how many metric fields there are in all.
        per_second: how dense they are by their own times: as dense as they are when an evaluator has as much to do as
            it can.
        passing: one in so many passes a threshold.
        entities: how many services.

    """
    return list(_records(count, fields, per_second, passing, entities))


def _records(count: int, fields: int, per_second: float, passing: int, entities: int) -> Iterator[Raw]:
    chance = random.Random(7)
    for number in range(count):
        at = BEGIN + number / per_second
        entity = chance.randrange(entities)
        service = f"service-{entity}"
        names = [(entity * METRICS + each) % fields for each in chance.sample(range(min(METRICS, fields)), 3)]
        values = {f"m{name}": round(chance.uniform(0, HIGHEST), 3) for name in names}
        if number % passing == 0:
            values[f"m{names[0]}"] = 1_500.0
        said = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {"time": said, "source": "bench", "service": service, "env": chance.choice(("prod", "test"))}
        event = {"id": f"{chance.getrandbits(128):032x}", **known, **values}
        yield Raw(number, int(at * 1000), service.encode(), json.dumps(event).encode())


def rules(count: int, fields: int, window: str = "5m") -> list[Rule]:
    """Return *count* rules spread evenly over *fields* fields, every tenth over a *window*."""
    return [_rule(number, fields, window) for number in range(count)]


def _rule(number: int, fields: int, window: str) -> Rule:
    field = f"m{number % fields}"
    read = f"avg({field}, {window})" if number % 10 == 0 else field
    return Rule(
        id=f"rule-{number}",
        topic="metrics",
        per=("service",),
        where=parse('env == "prod"') if number // 10 % 2 else None,
        when=parse(f"{read} > {HIGHEST + 100 + number // fields}"),
        clear=parse(f"{read} < {HIGHEST - 100}") if number % 4 < 2 else None,
    )
