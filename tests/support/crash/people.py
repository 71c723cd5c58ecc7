"""Courses in which a person decides: what a parked effect was, and the calls that wait for a yes.

Of the calls one person denies the page of ``b``, edits the order of ``x`` and then approves it, and approves everything
else. The command that a row kills is a process; the rest is said to the ledger as the command line says it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dutyd.ledger import Ledger
from dutyd.ledger.queries import Row
from support.crash.asked import CLEAR, RULES, WANTED
from support.crash.course import Course
from support.crash.killed import Killed

APPROVE = RULES.replace("mode: act", "mode: approve")
EDITED = ("purchase-orders", "x by 7")
OF_A = Counter([("alerts", "a"), ("tickets", "a")])
OF_B = Counter([("alerts", "b"), ("tickets", "b")])
AGREED = WANTED - OF_B - Counter([("purchase-orders", "x")]) + Counter([EDITED])
"""What is done of all that is asked for."""


class Settling(Course):
    """A send that nobody knows the end of is parked, and a person says what it was, in a command that dies."""

    def prepare(self, killed: Killed) -> None:
        at = "answer -> record" if killed.kind == "C done" else "look-up -> request"
        killed.die({"at": at}, *killed.run())
        killed.work()

    def command(self, killed: Killed) -> Sequence[str]:
        return next(said for said in self._to_say(killed) if ("--done" in said) == (killed.kind == "C done"))

    def between(self, killed: Killed) -> None:
        """Have the person say what still has to be said."""
        for said in self._to_say(killed):
            assert killed.die({}, *said) == 0

    def finish(self, killed: Killed) -> None:
        self.between(killed)
        killed.work()

    def _to_say(self, killed: Killed) -> list[Sequence[str]]:
        """Look for each parked effect in the back office; return the commands that say what is there."""
        there = {entry["key"] for entry in killed.one.listed("/executions")}
        who = ("--as", "ana", "--because", "looked", "--settings", str(killed.one.settings))
        return [
            (
                "effects",
                "settle",
                row["key"],
                *(("--done", "T-1") if row["provider_key"] in there else ("--resend",)),
                *who,
            )
            for row in killed.ask(lambda ledger: ledger.queries.parked())
        ]


def decision(row: Row) -> str:
    """Return what the person says next to the call of *row*."""
    if row["args"].get("summary") == "b":
        return "deny"
    return "edit" if row["args"].get("sku") == "x" and row["args"]["quantity"] == 1 else "approve"


def waiting(killed: Killed) -> list[Row]:
    """Return the calls that wait for a person, with the hash of each."""
    return killed.ask(lambda ledger: ledger.queries.approvals())


def words(killed: Killed, row: Row) -> Sequence[str]:
    """Return the arguments of the command by which the person decides *row*."""
    said = decision(row)
    change = ("--set", "quantity=7") if said == "edit" else ()
    return "approvals", said, row["key"], *change, "--as", "ana", "--settings", str(killed.one.settings)


def say(killed: Killed, row: Row) -> None:
    """Have the person decide *row* once."""
    said = decision(row)

    async def told(ledger: Ledger) -> None:
        await getattr(ledger.decisions, said)(row["key"], row["hash"], "ana")

    if said == "edit":  # the command works out what the other call is
        assert killed.die({}, *words(killed, row)) == 0, killed.one.log()
    else:
        killed.ask(told)


def undecided(killed: Killed, but: str) -> list[Row]:
    """Return the calls that wait, but for the order of *but*."""
    return [row for row in waiting(killed) if row["args"].get("sku") != but]


def say_all(killed: Killed, *, but: str = "") -> None:
    """Have the person decide all that waits, and what an edit made of it."""
    while rows := undecided(killed, but):
        for row in rows:
            say(killed, row)


def work_all(killed: Killed, *, but: str = "") -> None:
    """Have all done that is agreed to, and what then waits decided, until nothing is left."""
    killed.work()
    while undecided(killed, but):
        say_all(killed, but=but)
        killed.work()


class Asked(Course):
    """Calls wait for a person, who is asked by a daemon that dies."""

    def between(self, killed: Killed) -> None:
        """Have the person decide what waits."""
        say_all(killed)

    def finish(self, killed: Killed) -> None:
        work_all(killed)


@dataclass(frozen=True)
class Deciding(Asked):
    """A person decides a call, in a command that dies.

    Attributes:
        what: ``approve``, ``deny`` or ``edit``.

    """

    what: str = "approve"

    def prepare(self, killed: Killed) -> None:
        killed.work()

    def command(self, killed: Killed) -> Sequence[str]:
        return next(words(killed, row) for row in waiting(killed) if decision(row) == self.what)


class Agreed(Asked):
    """A daemon dies on its way from a person's yes to what was agreed to."""

    def prepare(self, killed: Killed) -> None:
        killed.work()
        say_all(killed)


class Stricter(Agreed):
    """What a person has agreed to is forbidden before it is sent."""

    def prepare(self, killed: Killed) -> None:
        super().prepare(killed)
        file = killed.one.settings.parent / "rules" / "rules.yaml"
        file.write_text(file.read_text().replace("quantity: 1}", "quantity: 1}, refuse_if: quantity > 5"))


class Cleared(Asked):
    """An incident clears while its call waits."""

    def prepare(self, killed: Killed) -> None:
        killed.work()
        killed.publish("metrics", CLEAR, "service")


class Expiring(Asked):
    """Everything is decided but for one call, which is over when somebody looks."""

    def prepare(self, killed: Killed) -> None:
        work_all(killed, but="x")
        say(killed, *waiting(killed))  # an edit, which has the incident looked at again
        killed.change(waits={"approval": "1s"})


class Reminded(Asked):
    """A call waits for so long that people are told once more."""

    def command(self, killed: Killed) -> Sequence[str]:
        return killed.run()[:-2]  # nobody waits for the person

    def needless(self, killed: Killed, point: str) -> int:
        """Return how many lines of messages nobody noted before they were sent: each is told at most once."""
        del point
        told = sum(len(entry["text"].splitlines()) for entry in killed.one.listed("/messages"))
        noted = killed.ask(lambda ledger: ledger.scripts.read("zcard", ledger.scripts.key("told")))
        return max(0, told - int(noted))
