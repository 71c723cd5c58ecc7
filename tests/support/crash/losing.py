"""The course in which Redis loses everything between two daemons, and the one that takes in what is known dies, too."""

from dataclasses import dataclass

from dutyd.ledger import Ledger
from dutyd.ledger.queries import Row
from support.crash.asked import OPENINGS, STOCK
from support.crash.course import Course, Events
from support.crash.killed import Killed

FIRST: Events = (("metrics", OPENINGS[:1], "service"), ("stock", STOCK[:1], "sku"))
REST: Events = (("metrics", OPENINGS[1:], "service"), ("stock", STOCK[1:], "sku"))


@dataclass(frozen=True)
class Adopting(Course):
    """Some is done and told to the outcomes topic, some is under way: then all keys of Redis are gone.

    What the topic knows is not unsure to anybody; of everything else nobody can know whether it was sent.
    """

    events: Events = FIRST

    def prepare(self, killed: Killed) -> None:
        killed.work()
        for alias, events, key in REST:
            killed.publish(alias, events, key)
        killed.die({"at": "answer -> record"}, *killed.run())
        untold = killed.ask(_untold)
        rows = killed.effects()
        killed.told = {row["key"] for row in rows if row["state"] == "DONE" and row["key"] not in untold}
        sent = [row for row in rows if row["state"] in ("SENDING", "UNKNOWN", "DONE")]
        killed.unheard = [row for row in sent if row["key"] not in killed.told]
        killed.ask(_lose)

    def may_be_unsure(self, killed: Killed, row: Row) -> bool:
        return row["key"] not in killed.told


async def _untold(ledger: Ledger) -> set[str]:
    """Return the keys of what is not in the outcomes topic for sure."""
    return {key.decode() for key in await ledger.outcomes.pending()}


async def _lose(ledger: Ledger) -> None:
    """Delete everything that the installation has in Redis."""
    client = ledger.scripts.client
    names = [name async for name in client.scan_iter(match=ledger.scripts.key("*"), count=1000)]
    assert names, "there is nothing to lose"
    await client.delete(*names)
