"""The paces that all processes of an installation keep together, one for each credential."""

from dutyd.ledger.scripts import Scripts


class Paces:
    """The paces of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def wait(self, credential: str, per_minute: float, at_once: float) -> float:
        """Take one request under *credential* and return 0, or return for how many seconds there is none.

        Raises:
            NotReadyError: Redis does not answer.

        """
        return int(await self._scripts.run("pace", credential, per_minute, at_once)) / 1000
