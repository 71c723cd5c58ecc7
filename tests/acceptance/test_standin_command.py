"""``dutyd standin --script FILE`` plays every fault of a model host, as the client of the agent takes it."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import (
    Answer,
    Fault,
    ModelDown,
    ModelFiltered,
    ModelLimited,
    ModelRejected,
    Question,
)
from dutyd.act.agent.reading import Calls, CutShort, Nothing, Words, read
from dutyd.act.agent.trial import FUNCTION, MESSAGES, TOKENS
from dutyd.embedded.standin.script import FaultKind
from support.program import BIN
from support.server import Server, running

FAILS: dict[str, type[Fault]] = {
    "overloaded": ModelDown,
    "rate_limit": ModelLimited,
    "quota": ModelRejected,
    "filter": ModelFiltered,
    "server_error": ModelDown,
    "gateway": ModelDown,
    "down": ModelDown,
    "cut": ModelDown,
}
ANSWERS: dict[str, type] = {
    "fine": Calls,
    "empty": Nothing,
    "no_calls": Nothing,
    "markers": Calls,
    "markers_in_reasoning": Calls,
    "invalid_json": Calls,
    "unknown_function": Calls,
    "extra_argument": Calls,
    "repeat": Calls,
    "twins": Calls,
    "prose": Words,
    "length": CutShort,
    "odd_finish": Calls,
}
SLOW = 30.0  # seconds: more than the question has


class StandinCommand(Server):
    """The command with a script of every fault, one after the other."""

    def __init__(self, script: Path) -> None:
        super().__init__("standin")
        self._script = script

    def _command(self) -> list[str]:
        return [str(BIN / "dutyd"), "standin", "--port", str(self.port), "--script", str(self._script)]

    def _ready(self) -> bool:
        return httpx2.get(self.url).is_success


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    faults = [{"kind": kind} for kind in (*FAILS, *ANSWERS)] + [{"kind": "slow", "seconds": SLOW}]
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode({"schemas": "strict", "faults": faults}))
    with running(StandinCommand(script)) as server:
        yield f"{server.url}/v1"


async def test_every_fault_is_played_and_taken_for_what_it_is(served: str) -> None:
    assert {*FAILS, *ANSWERS, "slow"} == {kind.value for kind in FaultKind}
    client = Client(Endpoint(base_url=served, thinking=True))
    for name, fault in FAILS.items():
        assert isinstance(await client.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 10.0)), fault), name
    for name, reading in ANSWERS.items():
        answer = await client.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 10.0))
        assert isinstance(answer, Answer), name
        assert isinstance(read(answer.message, answer.finish, 0), reading), name
    slow = await client.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 0.5))
    assert isinstance(slow, ModelDown)
    assert "no answer within" in slow.reason
    await client.close()
