"""One kill: an installation whose daemon dies at a named point, and what its back office holds in the end.

``tests/crash/kill_matrix.py`` plays every case. What is published, and what for, is the course's (``courses``).
"""

import random
import secrets
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import parse_script
from support.crash.asked import RESOLVED, Thing, articles, made_by, needing
from support.crash.course import EACH_CLASS, Course
from support.crash.courses import COURSES
from support.crash.killed import CLASSES, Killed
from support.daemon import installation


@dataclass(frozen=True)
class Case:
    """One row: where it is killed, at which class, how often, at which pass of the point; or at which lines of code.

    *off* are protections without which it is to fail.
    """

    point: str
    kind: str
    kills: int
    course: Course
    hit: int = 1
    lines: tuple[int, ...] = ()
    off: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.point}, {self.kind}"


@dataclass(frozen=True)
class Row:
    """What came of a case; ``lost`` and ``doubled`` are what the class does not allow.

    Doubled is a model's answer, too, that was recorded and all the same asked for again.
    """

    point: str
    kind: str
    kills: int
    expected: int
    seen: int
    lost: int
    doubled: int
    note: str = ""


SECOND = {
    "outcome -> produce": "outcome -> produce",
    "produce -> drop of the outcome": "outcome -> produce",
    "expired -> produce": "outcome -> produce",
    "last turn -> end of the run": "claim -> work",
    "end of the run": "claim -> work",
}
"""Where a process that goes on after the first kill is killed again, if not where its course says."""

LINES = 16_000
"""About so many lines of the paths and the ledger are executed by one run."""


def lines(number: int, seed: int) -> Iterator[Case]:
    """Yield *number* cases killed at random lines of code, without any hook: each class in turn, once and twice."""
    chance = random.Random(seed)
    for case in range(number):
        kind = EACH_CLASS[case % len(EACH_CLASS)]
        kills = 1 + case // len(EACH_CLASS) % 2
        at = tuple(chance.randrange(1, LINES) for _ in range(kills))
        yield Case(f"line {', '.join(map(str, at))}", kind, kills, COURSES[0], lines=at)


def cases(*, long: bool) -> Iterator[Case]:
    """Yield the cases: each point of each course at each of its classes, with one kill and with two."""
    for course in COURSES:
        for hit in range(1, course.passes + 1 if long else 2):
            for point in course.points:
                for kind in course.kinds:
                    yield Case(point, kind, 1, course, hit)
                    yield Case(point, kind, 2, course, hit)


@dataclass(frozen=True)
class Ground:
    """The servers that all rows share."""

    kafka: str
    valkey: str


def play(ground: Ground, case: Case) -> Row:
    """Play one case from its events to what the back office holds."""
    course, (kind, unsure) = case.course, CLASSES[case.kind]
    name, stream = f"k{secrets.token_hex(5)}", f"kafka://{ground.kafka}"
    servers = {"redis": ground.valkey, "stream": stream}
    model = Standin(parse_script({}))
    with (
        Loopback(model.app) as endpoint,
        tempfile.TemporaryDirectory() as folder,
        installation(
            Path(folder),
            name,
            course.rules.replace("UNSURE", unsure),
            topics=course.topics,
            kind=kind,
            **servers,
            **course.settings,
            **({"model": {"base_url": f"{endpoint.url}/v1"}} if course.asks else {}),
        ) as one,
    ):
        killed = Killed(one, name, case.kind, stream, ground.valkey, model, case.off)
        try:
            for alias, events, key in course.events:
                killed.publish(alias, events, key)
            course.prepare(killed)
            note = kill(killed, case)
            course.finish(killed)
            return judge(killed, case, note)
        finally:
            for process in killed.processes:
                process.kill()
                process.wait()


def kill(killed: Killed, case: Case) -> str:
    """Run the process into its death, as often as the case says; return what went otherwise."""
    first = {"line": case.lines[0]} if case.lines else {"at": case.point, "hit": case.hit}
    if (code := killed.die(first, *case.course.command(killed))) != -signal.SIGKILL:
        return f"did not die of {first}, but ended with {code}"
    if case.kills == 2:
        case.course.between(killed)
        second = {"line": case.lines[1]} if case.lines else {"at": SECOND.get(case.point, case.course.again)}
        if (code := killed.die(second, *case.course.afterwards(killed))) != -signal.SIGKILL:
            return f"did not die of {second}, but ended with {code}"
    return ""


def judge(killed: Killed, case: Case, note: str) -> Row:
    """Hold what the back office has against what was wanted, by what the class promises."""
    wanted, found = case.course.wanted, in_the_office(killed)
    left = [row for row in killed.effects() if row["state"] == "PARKED" or row["reason"] == "unsure"]
    allowed = [row for row in left if case.kind in ("C", "C skip") and case.course.may_be_unsure(killed, row)]
    missing, more = wanted - found, found - wanted
    if case.kind == "C repeat":  # at least once: what nobody heard of may be there as often as it was sent
        more -= Counter(made_by(row) for row in killed.unheard)
    for row in allowed:  # at most once: what may have been sent is said to be unsure, or is parked
        missing -= Counter([made_by(row), *needing(row)])
    needless = [row for row in left if row not in allowed]
    lost = missing.total() + len(needless) + case.course.missing(killed)
    doubled = more.total() + case.course.needless(killed, case.point)
    note = "; ".join([note, *(f"{row['key']}: {row['reason']}, though nothing of it left" for row in needless)])
    seen = sum((found & wanted).values())
    return Row(case.point, case.kind, case.kills, wanted.total(), seen, lost, doubled, note.removeprefix("; "))


def in_the_office(killed: Killed) -> "Counter[Thing]":
    """Return what the back office holds, by kind and name."""
    found = Counter(
        (path, str(entry.get(member)))
        for path, member in (("alerts", "summary"), ("tickets", "title"))
        for entry in killed.one.listed(f"/{path}")
    )
    found.update(("purchase-orders", articles(order)) for order in killed.one.listed("/purchase-orders"))
    found[RESOLVED] = len(killed.one.listed("/alert-resolutions"))
    return found
