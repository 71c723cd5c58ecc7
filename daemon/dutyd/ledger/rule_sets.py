"""Rule sets in Redis by digest: what every trigger names, and what every worker loads.

*Current* is the highest counter, never a worker's own files: ConfigMaps arrive at different times on different pods.
"""

import msgspec

from dutyd.ledger.scripts import Scripts, text


class RuleSets:
    """The stored rule sets of one installation: digest to files (relative path to content)."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def store(self, digest: str, files: dict[str, str]) -> int:
        """Store *files* and make them current; return their counter."""
        return int(await self._scripts.run("store_rules", digest, msgspec.json.encode(files)))

    async def current(self) -> str:
        """Return the digest of the current rule set, empty where none was ever stored."""
        found = await self._scripts.read("zrange", self._scripts.key("rules", "order"), -1, -1)
        return text(found[0]) if found else ""

    async def knows(self, digest: str) -> bool:
        """Return whether *digest* is stored, and some set is the current one."""
        stored = await self._scripts.read("hexists", self._scripts.key("rulesets"), digest)
        return bool(stored) and bool(await self.current())

    async def load(self, digest: str) -> dict[str, str] | None:
        """Return the files of *digest*, or None where this Redis does not know it."""
        found = await self._scripts.read("hget", self._scripts.key("rulesets"), digest)
        return msgspec.json.decode(found, type=dict[str, str]) if found else None
