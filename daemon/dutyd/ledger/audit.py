"""What people decided, on its way out: records that wait in Redis until they stand in the audit topic.

Every script that a person's decision runs through writes one in the same step. A record that is produced twice after a
crash has the same id.
"""

from typing import Any

from dutyd.ledger.scripts import Scripts, reaching


class Audit:
    """The pending audit records of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def pending(self, limit: int = 500) -> dict[bytes, bytes]:
        """Return the oldest pending records by their id."""
        with reaching():
            found: Any = await self._scripts.client.xrange(self._scripts.key("audit"), count=limit)
        return {name: fields[b"record"] for name, fields in found}

    async def drop(self, produced: dict[bytes, bytes]) -> None:
        """Forget what stands in the topic now."""
        await self._scripts.read("xdel", self._scripts.key("audit"), *(name.decode() for name in produced))
