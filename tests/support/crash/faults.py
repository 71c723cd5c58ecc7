"""The faults of real servers, each as a function that plays it in a scene and returns what there is to note.

``tests/crash/fault_table.py`` plays all of them. Whatever breaks is a real process: the broker, Valkey, the daemons;
the providers and the model's endpoint are the embedded ones, which break in the ways that real ones do.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dutyd.core.topic import OwnTopics, record_key
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import parse_script
from dutyd.stream import open_stream
from support.broker import Broker, free_port
from support.crash.scene import CLASSES, Row, Scene, scene

PIECE = 8
"""Services that fail before, and as many again after, whatever happens."""


@dataclass(frozen=True)
class Fault:
    """One row's fault.

    Attributes:
        name: as the table has it.
        play: publishes, breaks and mends; returns a note.
        own: the servers that it breaks.
        model: what the model's endpoint is made to do; None: no model is asked.
        unsure: whether it leaves sends of which nobody can know: only then may class C leave something to a person.

    """

    name: str
    play: Callable[[Scene], str]
    own: frozenset[str] = frozenset()
    model: Mapping[str, Any] | None = field(default=None)
    unsure: bool = False

    def __str__(self) -> str:
        return self.name


def play(fault: Fault, broker: Broker, valkey_url: str) -> list[Row]:
    """Play *fault* from its first event to what the back office holds in the end."""
    if fault.model is None:
        return _played(fault, broker, valkey_url, "")
    standin = Standin(parse_script(fault.model))
    with Loopback(standin.app) as server:
        # Nobody listens at the port of a model that is down.
        port = free_port() if fault.model == DOWN else server.port
        return _played(fault, broker, valkey_url, f"http://127.0.0.1:{port}/v1")


def _played(fault: Fault, broker: Broker, valkey_url: str, model: str) -> list[Row]:
    with scene(broker, valkey_url, own=fault.own, model=model) as made:
        note = fault.play(made)
        made.settle()
        made.end()
        return made.verdict(fault.name, note)


def under_way(made: Scene) -> None:
    """Have a daemon at work on the first piece of events."""
    made.publish(PIECE)
    made.one.start()
    made.wait_for_executions(PIECE)


def broker_restart(made: Scene) -> str:
    broker = made.servers.own_broker
    return _restarted(made, broker.kill, broker.start)


def redis_killed(made: Scene) -> str:
    valkey = made.servers.own_valkey
    return _restarted(made, valkey.stop, valkey.start)


def _restarted(made: Scene, end: Callable[[], None], start: Callable[[], None]) -> str:
    under_way(made)
    end()
    time.sleep(1.0)
    start()
    made.publish(PIECE)
    return ""


def redis_empty(made: Scene) -> str:
    under_way(made)
    made.servers.own_valkey.stop()
    made.servers.own_valkey.forget()
    made.servers.own_valkey.start()
    made.publish(PIECE)
    return ""


def redis_of_a_second_ago(made: Scene) -> str:
    under_way(made)
    copy = made.servers.own_valkey.copy()
    known = len(made.one.listed("/executions"))
    made.publish(PIECE)
    made.wait_for_executions(known + PIECE)
    made.servers.own_valkey.stop()
    forgotten = len(made.one.listed("/executions")) - known
    made.servers.own_valkey.put_back(copy)
    made.servers.own_valkey.start()
    made.publish(PIECE)
    return f"at least {forgotten} sends forgotten"


def frozen_before_the_request(made: Scene) -> str:
    return _frozen(made, "SENDING -> look-up")


def frozen_after_the_answer(made: Scene) -> str:
    return _frozen(made, "answer -> record")


def _frozen(made: Scene, at: str) -> str:
    """Stop a daemon for longer than its lease, have another do all the work, let the first go on."""
    made.publish(PIECE)
    first = made.mortal(at, hit=5)
    made.one.start()
    made.publish(PIECE)
    made.settle()
    first.send_signal(signal.SIGCONT)
    time.sleep(3.0)
    return ""


def rebalances(made: Scene) -> str:
    """A second daemon comes and goes ten times: each time the partitions are shared out anew, twice."""
    made.one.start()
    began = time.monotonic()
    for number in range(10):
        made.publish(3)
        second = made.one.start()
        time.sleep(max(0.0, began + 6.0 * number + 3.5 - time.monotonic()))
        second.terminate()
        second.wait(30)
        time.sleep(max(0.0, began + 6.0 * (number + 1) - time.monotonic()))
    return f"20 joins and leaves in {time.monotonic() - began:.0f} s"


def duplicates_out_of_order(made: Scene) -> str:
    """Each event three times and none in its place; after the clear all of them once more."""
    chance = random.Random(3)
    names = [f"s{number}" for number in range(2 * PIECE)]
    events = [
        {"id": f"{name}/{minute}", "time": f"2026-01-31T09:{minute:02}:00Z", "service": name, "error_count": 12}
        for name in names
        for minute in range(5)
    ]
    again = 3 * events
    chance.shuffle(again)
    made.published += names
    made.one.start()
    made.send(again)
    made.settle()
    clears = [{"id": f"{name}/9", "time": "2026-01-31T09:09:00Z", "service": name, "error_count": 1} for name in names]
    made.send([*clears, *again, *clears])
    return f"{len(again) * 2 + len(clears) * 2} events, {len(events) + len(clears)} different ones"


POISON = (
    b"{",
    b"\xff\xfe\x00",
    b"[" * 10_000,
    b'{"service": "s0", "error_count": NaN}',
    b'{"service": "s0", "error_count": 1e999}',
    b'{"service": "s0", "error_count": 12, "time": "yesterday"}',
    b'"text"',
    b'{"service": "' + b"x" * 900_000 + b'"',
    b"",
)


def poison(made: Scene) -> str:
    """Records that nobody can read, before, between and after good ones."""
    stream = open_stream(made.stream, {})
    made.publish(PIECE)
    producer = stream.producer()
    for value in POISON:
        producer.send(f"{made.name}.metrics", value, key=record_key(("s0",)))
    producer.close()
    made.one.start()
    made.publish(PIECE)
    made.settle()
    letters = OwnTopics(made.name).dead_letters
    deadline = time.monotonic() + 10
    while (dead := sum(1 for _ in stream.scan(letters))) < len(POISON) and time.monotonic() < deadline:
        time.sleep(0.2)
    stream.close()
    assert dead == len(POISON), f"{dead} dead letters of {len(POISON)} poison records"
    return f"{dead} poison records, {dead} dead letters"


def tickets(**fault: Any) -> Callable[[Scene], str]:
    """Return what plays *fault* at the first requests for tickets."""

    def play_it(made: Scene) -> str:
        made.break_tickets(**fault)
        made.publish(2 * PIECE)
        made.one.start()
        return f"{fault['times']} requests of {len(CLASSES) * 2 * PIECE}"

    return play_it


def asking(made: Scene) -> str:
    """Incidents whose model is as it is; say who decided."""
    made.publish(PIECE)
    made.one.start()
    made.settle()
    by = Counter(entry["body"] == "fallback" for entry in made.one.listed("/tickets"))
    return f"{by[False]} decided by the model, {by[True]} by the fallback"


DOWN: Mapping[str, Any] = {"models": ["nobody"]}

FAULTS = (
    Fault("broker restart", broker_restart, frozenset({"broker"})),
    Fault("Redis killed and back", redis_killed, frozenset({"redis"}), unsure=True),
    Fault("Redis restarted empty", redis_empty, frozenset({"redis"}), unsure=True),
    Fault("Redis of a second ago", redis_of_a_second_ago, frozenset({"redis"}), unsure=True),
    Fault("20 rebalances in a minute", rebalances),
    Fault("frozen past its lease, before the request", frozen_before_the_request, unsure=True),
    Fault("frozen past its lease, after the answer", frozen_after_the_answer, unsure=True),
    Fault("duplicates, out of order", duplicates_out_of_order),
    Fault("poison events", poison),
    Fault("provider answers long after executing", tickets(do="execute-then-stall", seconds=3, times=12), unsure=True),
    Fault("provider never answers", tickets(do="execute-then-stall", seconds=3600, times=9), unsure=True),
    Fault("provider executes when we gave up", tickets(do="stall", seconds=2.5, times=12), unsure=True),
    Fault("provider answers 500 after executing", tickets(do="execute-then-fail", status=500, times=12), unsure=True),
    Fault("provider cuts after executing", tickets(do="execute-then-cut", times=12), unsure=True),
    Fault("provider answers 503", tickets(do="fail", status=503, times=12), unsure=True),
    Fault("model slow", asking, model={"faults": [{"kind": "slow", "seconds": 10, "times": 0}]}),
    Fault("model down", asking, model=DOWN),
    Fault("model 429, overloaded", asking, model={"faults": [{"kind": "overloaded", "retry_after": 0.2, "times": 2}]}),
    Fault("model 429, our rate", asking, model={"faults": [{"kind": "rate_limit", "retry_after": 0.2, "times": 2}]}),
    Fault("model 429, no balance", asking, model={"faults": [{"kind": "quota", "times": 0}]}),
    Fault("model cut in its answer", asking, model={"faults": [{"kind": "cut", "times": 2}]}),
    Fault("model 500", asking, model={"faults": [{"kind": "server_error", "times": 0}]}),
)
