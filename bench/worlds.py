"""The events and rules that ``decode`` and ``engine`` are measured with: the conditions of DESIGN 9, without a broker.

Events are about 200 bytes of JSON with three of many fields, 10,000 services, in the order of time; about one in a
thousand passes a threshold, so that latches do change. Rules are spread over the fields: thresholds with a margin,
every tenth over a window, half of them with ``where``, half with ``clear``.
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


def records(count: int, fields: int, *, per_second: float = 1_000.0, passing: int = 1_000) -> list[Raw]:
    """Return *count* records of three out of *fields* fields each; one in *passing* passes a threshold."""
    return list(_records(count, fields, per_second, passing))


def _records(count: int, fields: int, per_second: float, passing: int) -> Iterator[Raw]:
    chance = random.Random(7)
    for number in range(count):
        at = BEGIN + number / per_second
        service = f"service-{chance.randrange(ENTITIES)}"
        names = chance.sample(range(fields), min(3, fields))
        values = {f"m{name}": round(chance.uniform(0, HIGHEST), 3) for name in names}
        if number % passing == 0:
            values[f"m{names[0]}"] = 1_500.0
        said = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {"time": said, "source": "bench", "service": service, "env": "prod" if number % 2 else "test"}
        event = {"id": f"{chance.getrandbits(128):032x}", **known, **values}
        yield Raw(number, int(at * 1000), service.encode(), json.dumps(event).encode())


def rules(count: int, fields: int) -> list[Rule]:
    """Return *count* rules spread evenly over *fields* fields."""
    return [_rule(number, fields) for number in range(count)]


def _rule(number: int, fields: int) -> Rule:
    field = f"m{number % fields}"
    read = f"avg({field}, 5m)" if number % 10 == 0 else field
    return Rule(
        id=f"rule-{number}",
        topic="metrics",
        per=("service",),
        where=parse('env == "prod"') if number // 10 % 2 else None,
        when=parse(f"{read} > {HIGHEST + 100 + number // fields}"),
        clear=parse(f"{read} < {HIGHEST - 100}") if number % 4 < 2 else None,
    )
