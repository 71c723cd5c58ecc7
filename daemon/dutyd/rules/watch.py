"""Live reload: watch the folder of rules and yield each new state of it once it has been still for two seconds.

The evaluator's watch thread iterates ``Watcher.changes``; what comes out is a whole rule set, or the problems of one
that can't be used (the caller keeps the last good one, counts and logs). A ConfigMap mount swaps a link beside the
files and never names the files themselves, so any event means "read everything again and compare", and a slow re-check
finds what no event told (network volumes, a folder that is itself a link).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import structlog
import watchfiles

from dutyd.core.rule import RuleSet
from dutyd.rules.load import Known, RuleErrors, digest_of, load_files, read_folder
from dutyd.rules.problems import Problem

STILL_SECONDS = 2.0
RECHECK_SECONDS = 30.0

_DEFECT = "it is a defect of dutyd: take the last change back; the log shows where it was"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watcher:
    """Watches the folder *path*.

    Attributes:
        still: seconds without an event after which the folder counts as still.
        recheck: seconds after which it is read again without any event.

    """

    path: Path
    known: Known
    still: float = STILL_SECONDS
    recheck: float = RECHECK_SECONDS

    def changes(self, stop: Event) -> Iterator[RuleSet | RuleErrors]:
        """Yield the state of the folder now, and every different one until *stop* is set.

        The first is yielded at once: what changed between the caller's own reading and the start of the watch is not
        missed. A caller that has it already knows it by its digest.
        """
        seen = ""
        for _ in self._moments(stop):
            state, found = self._read()
            if state != seen:
                seen = state
                yield found

    def _read(self) -> tuple[str, RuleSet | RuleErrors]:
        """Return what tells this state of the folder from others, and what it holds."""
        try:
            files = read_folder(self.path)
        except RuleErrors as errors:
            return str(errors), errors
        try:
            rules = load_files(files, self.known)
        except RuleErrors as errors:
            return digest_of(files), errors
        except Exception as error:  # the boundary: files that the reader breaks on are wrong, and end nothing
            log.exception("reading the rule files failed unexpectedly")
            problem = Problem(str(self.path), 0, 0, "unexpected", f"reading the rule files failed: {error!r}", _DEFECT)
            return digest_of(files), RuleErrors([problem], files)
        return rules.digest, rules

    def _moments(self, stop: Event) -> Iterator[None]:
        """Yield whenever the folder should be read: now, when it is still after an event, and now and then."""
        yield
        quiet, moved = 0.0, False
        for event in self._events(stop):
            if event:
                moved = True
                continue
            quiet += self.still
            if moved or quiet >= self.recheck:
                quiet, moved = 0.0, False
                yield

    def _events(self, stop: Event) -> Iterator[bool]:
        """Yield whether something may have moved, at the latest after ``still`` seconds; wait for a missing folder."""
        while not stop.is_set():
            yield True  # nobody watched until now
            try:
                for batch in watchfiles.watch(
                    self.path,
                    watch_filter=None,
                    stop_event=stop,
                    rust_timeout=round(self.still * 1000),
                    yield_on_timeout=True,
                ):
                    yield bool(batch)
                    if not self.path.exists():
                        break
            except (OSError, RuntimeError):  # no folder, no watches left, a watch that broke: look now and then
                stop.wait(self.still)
                yield False
