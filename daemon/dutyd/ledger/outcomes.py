"""Outcomes on their way out: whole records that wait in Redis until they stand in the outcomes topic.

The scripts write them in the same step that ends an effect or closes an incident, so none can be forgotten;
``act.outcomes`` produces them. A record that is produced twice is harmless: the topic is compacted by the same key.
"""

from dutyd.ledger.scripts import Scripts


class Outcomes:
    """The pending outcomes of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def pending(self, limit: int = 500) -> dict[bytes, bytes]:
        """Return about *limit* pending records by their key; none of a ledger that is not whole."""
        flat = await self._scripts.run("pending", limit)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def count(self) -> int:
        """Return how many are pending."""
        return int(await self._scripts.read("hlen", self._scripts.key("outcomes")))

    async def drop(self, produced: dict[bytes, bytes]) -> None:
        """Forget what stands in the topic now; a newer record under the same key stays."""
        pairs = [part for pair in produced.items() for part in pair]
        await self._scripts.run("drop_outcome", *pairs)
