"""The latches of one rule, each at rest (``stored``): a dict from entity to ``Latch`` that is decoded when asked.

Most latches of a rule have the same head (firing, by the rule as it is): it is kept once, so that an incident is two
entries of memory, its entity and its body. Used by ``runner``, which alone changes them while events are judged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping

from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.latch import Latch, Phase
from dutyd.evaluate.engine.latches.stored import Head, Stored, pack, unpack


class Latches(MutableMapping[Key, Latch]):
    """Entity to latch; none that is inactive."""

    __slots__ = ("_bodies", "_odd", "_usual")

    def __init__(self) -> None:
        self._usual: Head | None = None
        self._bodies: dict[Key, bytes] = {}
        self._odd: dict[Key, Head] = {}

    def __getitem__(self, key: Key) -> Latch:
        """Return the latch of *key*, decoded for the caller."""
        return unpack(self.at_rest(key))

    def __setitem__(self, key: Key, latch: Latch) -> None:
        """Keep *latch* for *key*."""
        self.place(key, pack(latch))

    def __delitem__(self, key: Key) -> None:
        """Forget *key*, which is here."""
        del self._bodies[key]
        self._odd.pop(key, None)

    def __contains__(self, key: object) -> bool:
        """Return whether *key* has a latch."""
        return key in self._bodies

    def __iter__(self) -> Iterator[Key]:
        """Yield the entities, those first that came first."""
        return iter(self._bodies)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._bodies)

    def place(self, key: Key, stored: Stored) -> None:
        """Keep for *key* what is *stored*."""
        head, body = stored
        self._bodies[key] = body
        if self._usual is None:
            self._usual = head
        if head is not self._usual:
            self._odd[key] = head
        elif self._odd:
            self._odd.pop(key, None)

    def at_rest(self, key: Key) -> Stored:
        """Return the latch of *key* as it is kept."""
        body, usual = self._bodies[key], self._usual
        assert usual is not None  # the first that was placed
        return self._odd.get(key, usual), body

    def phase(self, key: Key) -> Phase:
        """Return where *key* stands."""
        return self.at_rest(key)[0].phase if key in self._bodies else Phase.INACTIVE

    def groups(self) -> Iterator[tuple[Head, Iterable[Key]]]:
        """Yield every head with the entities that have it."""
        odd: dict[Head, list[Key]] = defaultdict(list)
        for key, head in self._odd.items():
            odd[head].append(key)
        if self._usual is not None:
            yield self._usual, [key for key in self._bodies if key not in self._odd] if odd else self._bodies
        yield from odd.items()

    def where(self, test: Callable[[Head], bool]) -> list[Key]:
        """Return the entities whose head passes *test*, which is asked once for all with the same."""
        return [key for head, keys in self.groups() if test(head) for key in keys]
