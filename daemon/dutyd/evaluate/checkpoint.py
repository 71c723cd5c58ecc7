"""The checkpoint: what Redis remembers of each task, and the fenced write that keeps it.

A task's checkpoint is four keys: a hash (owner's token, server, offsets decided up to per topic), a hash of latches,
a list, the outbox: triggers that were decided and perhaps not yet produced, and a hash of snapshots of windows, which
expires. ``write`` changes all of them at once, for every task of a turn in one round trip, and only for the owner.
``path`` writes, ``assignment`` claims and loads, in values of ``saved``; latches, triggers and snapshots are bytes here
(``records`` and the engine know what is in them).

Why fenced: a process that slept through a rebalance must not overwrite what its successor decided. Why the server's
run id is compared: a Redis that came back from an older copy has the right token beside outdated latches.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha1
from importlib.resources import files
from itertools import count
from typing import Any

import msgspec
import redis
from redis.exceptions import NoScriptError

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Ending
from dutyd.core.version import VERSION, newer
from dutyd.evaluate.engine import Written
from dutyd.evaluate.notes import Notes, answering
from dutyd.evaluate.saved import Answer, Decided, Found, Owner, Progress, Saved, Write

_PAGE = 2_000
"""Latches per call while loading or restoring: a few milliseconds of the server's time each."""

_PAGE_OF_WINDOWS = 500
"""Snapshots of windows per call: they are larger."""

_LONGER = 24 * 3600
"""How many seconds longer than the longest window snapshots are kept that nobody writes."""


class Checkpoint:
    """The checkpoints of one installation. Every method raises NotReadyError where Redis does not answer.

    Attributes:
        notes: what is not of one task.

    """

    def __init__(self, client: "redis.Redis", installation: str) -> None:
        self.notes = Notes(client, installation)
        self._redis = client
        self._installation = installation
        self._numbers = count(1)

    def number(self) -> int:
        """Return the number for a new write, higher than any before."""
        return next(self._numbers)

    def claim(self, task: str, token: str) -> tuple[Owner, Found]:
        """Become the owner of *task*; the owner before learns it at its next write.

        Raises:
            NotReadyError: also when a newer dutyd wrote the checkpoint.

        """
        answer = self._run("claim", self._keys(task), (token, VERSION))
        if answer[0] == b"newer":
            raise newer(f"task {task}: its checkpoint", int(answer[1]))
        return Owner(task, token, answer[1].decode()), Found(answer[2].decode())

    def load(self, task: str) -> Saved:
        """Return the checkpoint of *task*; claim it first, so that nobody changes it, or its ``pages``, meanwhile."""
        key, _, outbox, _ = self._keys(task)
        with answering():
            state: dict[bytes, bytes] = self._redis.hgetall(key)  # type: ignore[assignment]  # sync client
            triggers: list[bytes] = self._redis.lrange(outbox, 0, -1)  # type: ignore[assignment]  # sync client
        return Saved(_offsets(state), triggers)

    def pages(self, task: str) -> Iterator[Mapping[bytes, bytes]]:
        """Yield the latches of *task* as stored now, some at a time; while somebody writes one may come twice.

        Redis gathers the next page while the caller is busy with the last.
        """
        return self._fields(self._keys(task)[1], _PAGE)

    def windows(self, task: str) -> Iterator[Mapping[bytes, bytes]]:
        """Yield the snapshots of windows of *task* in the same way."""
        return self._fields(self._keys(task)[3], _PAGE_OF_WINDOWS)

    def forget_windows(self, task: str) -> None:
        """Delete the snapshots of windows of *task*, which nobody works on."""
        with answering():
            self._redis.unlink(self._keys(task)[3])

    def _fields(self, key: str, count: int) -> Iterator[dict[bytes, bytes]]:
        with ThreadPoolExecutor(1, thread_name_prefix="checkpoint") as ahead:
            cursor, page = self._page(key, 0, count)
            while cursor != 0:
                following = ahead.submit(self._page, key, cursor, count)
                yield page
                cursor, page = following.result()
            yield page

    def _page(self, key: str, cursor: int, count: int) -> tuple[int, dict[bytes, bytes]]:
        with answering():
            return self._redis.hscan(key, cursor, count=count)  # type: ignore[return-value]  # sync client

    def write(self, writes: Sequence[Write]) -> list[Answer]:
        """Write each of *writes*, every one atomic, all in one round trip; return their answers in order."""
        calls = [(self._keys(write.owner.task), _arguments(write)) for write in writes]
        return [Answer(answer.decode()) for answer in self._run_all("write", calls)]

    def restore(self, whole: Write) -> Owner | None:
        """Write all of a task again, from memory: its server lost it. Its offsets come last and make it whole.

        Returns the owner with the server's new run id, or None where the task is another's by now.
        """
        task, token = whole.owner.task, whole.owner.token
        answer = self._run("restore", self._keys(task), (token, self.number(), VERSION))
        if answer[0] == b"another":
            return None
        owner = Owner(task, token, answer[1].decode())
        for page in _pages(list(whole.latches.items())):
            self._must_own(Write(owner, self.number(), latches=dict(page)))
        self._must_own(Write(owner, self.number(), whole.offsets, triggers=whole.triggers))
        return owner

    def tasks(self) -> list[str]:
        """Return the names of all tasks that have a checkpoint, whoever works on them."""
        prefix = f"{self._installation}:task:"
        with answering():
            keys = [key.decode() for key in self._redis.scan_iter(match=f"{prefix}*", count=_PAGE)]
        return sorted(name for key in keys if ":" not in (name := key.removeprefix(prefix)))

    def latches(self, task: str) -> Mapping[bytes, bytes]:
        """Return all latches of *task* as stored now."""
        return {name: value for page in self.pages(task) for name, value in page.items()}

    def pick(self, task: str, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return those of the latches *names* that *task* has, as stored now."""
        with answering():
            found: list[bytes | None] = self._redis.hmget(self._keys(task)[1], names) if names else []  # type: ignore[assignment]  # sync client
        return {name: value for name, value in zip(names, found, strict=True) if value is not None}

    def progress(self, tasks: Sequence[str]) -> Mapping[str, Progress]:
        """Return how far each of *tasks* is as stored now, by whichever process."""
        with answering():
            pipe = self._redis.pipeline(transaction=False)
            for task in tasks:
                key, _, outbox, _ = self._keys(task)
                pipe.hgetall(key)
                pipe.llen(outbox)
            found = pipe.execute() if tasks else []
        pairs = zip(tasks, found[::2], found[1::2], strict=True)
        return {task: Progress(_offsets(state), waiting) for task, state, waiting in pairs}

    def endings(self) -> list[Ending]:
        """Return the incidents that people closed and whose clear is not accepted yet, whichever task they are of."""
        with answering():
            found: list[bytes] = self._redis.hvals(f"{self._installation}:endings")  # type: ignore[assignment]  # sync
        return [msgspec.json.decode(each, type=Ending) for each in found]

    def _must_own(self, write: Write) -> None:
        (answer,) = self.write([write])
        if answer is not Answer.OWN:
            raise NotReadyError(f"task {write.owner.task}: Redis changed while its checkpoint was restored: {answer}")

    def _keys(self, task: str) -> tuple[str, str, str, str]:
        key = f"{self._installation}:task:{task}"
        return key, f"{key}:latches", f"{key}:outbox", f"{key}:windows"

    def _run(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        (answer,) = self._run_all(name, [(keys, arguments)])
        return answer

    def _run_all(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """Run one script several times in one round trip. A server that does not know it yet is told, once."""
        with answering():
            try:
                return self._send(name, calls)
            except NoScriptError:
                self._redis.script_load(_script(name)[1])
                return self._send(name, calls)

    def _send(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        digest, _ = _script(name)
        for keys, arguments in calls:
            pipe.evalsha(digest, len(keys), *keys, *arguments)
        return list(pipe.execute())


@cache
def _script(name: str) -> tuple[str, str]:
    """Return the digest that Redis knows a script by, and its text."""
    text = (files("dutyd.evaluate") / "lua" / f"{name}.lua").read_text()
    return sha1(text.encode(), usedforsecurity=False).hexdigest(), text


def _arguments(write: Write) -> list[Any]:
    offsets = [part for topic, at in write.offsets.items() for part in (f"at:{topic}", msgspec.json.encode(at))]
    windows = write.windows or Written({}, anew=False, seconds=0.0)
    lives = math.ceil(windows.seconds + _LONGER) if write.windows else 0
    arguments: list[Any] = [write.owner.token, write.owner.server, write.number, write.acked, +windows.anew, lives]
    for items in (offsets, *_changed(write.latches), write.triggers, *_changed(windows.fields)):
        arguments += (len(items), *items)
    return arguments


def _changed(fields: Mapping[bytes, bytes | None]) -> tuple[list[bytes], list[bytes]]:
    """Return the fields and values of a hash that are to be set, and the fields that are to go."""
    kept = [part for name, value in fields.items() if value is not None for part in (name, value)]
    return kept, [name for name, value in fields.items() if value is None]


def _offsets(state: Mapping[bytes, bytes]) -> dict[str, Decided]:
    return {
        name[3:].decode(): msgspec.json.decode(value, type=Decided)
        for name, value in state.items()
        if name.startswith(b"at:")
    }


def _pages(items: Sequence[tuple[bytes, bytes | None]]) -> Iterable[Sequence[tuple[bytes, bytes | None]]]:
    return (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))
