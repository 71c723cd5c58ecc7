"""The courses of the kill matrix, each with the points of one family (``points``), and the classes it is played at."""

import time
from collections import Counter
from collections.abc import Sequence

from support.crash import points
from support.crash.asked import (
    ASKED,
    CLEAR,
    DECIDED,
    ERRORS,
    GATHERED,
    GROUPED,
    MEMBERS,
    OPENINGS,
    PAGED,
    RESOLVED,
    TURNS,
    WANTED,
)
from support.crash.course import Course
from support.crash.killed import Killed
from support.crash.losing import Adopting
from support.crash.people import (
    AGREED,
    APPROVE,
    EDITED,
    OF_A,
    Agreed,
    Asked,
    Cleared,
    Deciding,
    Expiring,
    Reminded,
    Settling,
    Stricter,
)


class TakingOver(Course):
    """A send that nobody heard the end of is settled by another."""

    def prepare(self, killed: Killed) -> None:
        killed.die({"at": "answer -> record"}, *killed.run())


class Clearing(Course):
    """One incident clears after all is done."""

    def prepare(self, killed: Killed) -> None:
        killed.work()
        killed.publish("metrics", CLEAR, "service")


class Sweeping(Course):
    """What was done is looked at again."""

    def prepare(self, killed: Killed) -> None:
        killed.work()

    def command(self, killed: Killed) -> Sequence[str]:
        return killed.run()[:-2]  # nobody waits for the sweeper

    afterwards = command

    def between(self, killed: Killed) -> None:
        """Let the lease of the one that died be over."""
        killed.ask(lambda ledger: ledger.scripts.client.delete(ledger.scripts.key("sweeper")))

    def finish(self, killed: Killed) -> None:
        self.between(killed)
        daemon, deadline = killed.start({}, *self.command(killed)), time.monotonic() + 30
        while self.missing(killed) and time.monotonic() < deadline:
            time.sleep(0.2)
        daemon.terminate()
        daemon.wait(60)

    def missing(self, killed: Killed) -> int:
        return sum(row["look"] != "fine" for row in killed.effects())


class Asking(Course):
    """A model decides both steps of one incident; it is asked anew only for an answer that was not recorded."""

    def needless(self, killed: Killed, point: str) -> int:
        return max(0, killed.model.answered - TURNS - (point == "model's answer -> turn"))


BY_KEY = {"metrics": {"partitioned_by": ["host"], "rekey": True, "partitions": 2}}
GROUPED_STOCK = (("stock", MEMBERS, "sku"),)
REMINDED = {"notices": {"to": "ops"}, "waits": {"remind": "1s"}}
BEFORE_THE_SYSTEM = ("B", "C")
"""The classes of a course that dies before anything is sent: one that is searched, and one that hides nothing."""

SWEPT = {"worker": {"lease": "2s", "sweep_per_minute": 600}}

COURSES = (
    Course(points.EVALUATE, ("B",), again="load of a task"),
    Course(
        points.BY_KEY,
        ("B",),
        f"language: 1\nrules:{ERRORS}",
        PAGED,
        (("metrics", OPENINGS, "host"),),
        BY_KEY,
        again="load of a task",
        passes=2,
    ),
    Course(points.ACT),
    TakingOver(points.UNKNOWN, passes=1),
    Clearing(points.CLEARS, wanted=WANTED + Counter([RESOLVED]), passes=1),
    Course(
        points.GROUPS,
        rules=f"language: 1\nrules:{GROUPED}",
        wanted=GATHERED,
        events=GROUPED_STOCK,
        topics={"stock": {"partitioned_by": ["sku"]}},
        passes=1,
    ),
    Sweeping(points.SWEEP, ("A", "B"), settings=SWEPT, again="taken -> look"),
    Asking(
        points.RUN,
        ("A", "B"),
        f"language: 1\nrules:{ASKED}",
        DECIDED,
        (("metrics", OPENINGS[:1], "service"),),
        {"metrics": {"partitioned_by": ["service"]}},
        again="turn -> its call",
        asks=True,
        passes=1,
    ),
    Settling(points.SETTLE, ("C done", "C resend"), passes=1),
    Asked(points.ASK, rules=APPROVE, wanted=AGREED, passes=1),
    *(Deciding(each, BEFORE_THE_SYSTEM, APPROVE, AGREED, passes=1, what=what) for what, each in points.DECIDE.items()),
    Agreed(points.AGREED, rules=APPROVE, wanted=AGREED, passes=1),
    Stricter(points.STRICTER, BEFORE_THE_SYSTEM, APPROVE, AGREED - Counter([EDITED]), passes=1),
    Cleared(points.WITHDRAW, BEFORE_THE_SYSTEM, APPROVE, AGREED - OF_A, passes=1),
    Expiring(points.EXPIRE, BEFORE_THE_SYSTEM, APPROVE, AGREED - Counter([EDITED]), passes=1),
    Reminded(points.REMIND, BEFORE_THE_SYSTEM, APPROVE, AGREED, settings=REMINDED, passes=1),
    Adopting(points.ADOPT, passes=1),
)
