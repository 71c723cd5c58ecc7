"""What happened in a task since somebody asked: changes, moved latches, counts.

Every part of the engine writes here; ``State`` and ``judge`` hand it out.
"""

from collections import Counter

from dutyd.evaluate.engine.latches.latch import Change, LatchKey, SwitchedOff


class Journal:
    """What happened.

    Attributes:
        changes: incidents opened and cleared, in order.
        moved: the keys of latches that are not what they were.
        overflow, failed, missed: rule ids and how often.
        unknown: (rule id, field) and how often.
        switched_off: rules that will not be judged any more.

    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.moved: set[LatchKey] = set()
        self.overflow: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.switched_off: list[SwitchedOff] = []

    def take_changes(self) -> list[Change]:
        """Return the changes and forget them."""
        taken, self.changes = self.changes, []
        return taken
