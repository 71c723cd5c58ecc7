"""Read the keys of one mapping: which are known, which are missing, and what each holds.

Every block of a rule file, of ``policy.yaml`` and of a test file is read through ``Fields``: it reports unknown keys
with the nearest valid name.
"""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import TypeVar, overload

from dutyd.rules.reading.values import Reader, wrong
from dutyd.rules.syntax.source import Broken, MapNode, Node, Scalar, SourceFile

MOST_STRANGE = 50
"""Unknown keys of one mapping that are told one by one: the nearest valid name is looked for each."""

T = TypeVar("T")
D = TypeVar("D")


class Fields:
    """The keys of the mapping *node*, a *what* (for messages: "rule", "step").

    An unknown key that is nearly a known one is reported and then read as that one, a *required* one first: one slip of
    the finger is one message.
    """

    def __init__(
        self,
        source: SourceFile,
        node: Node,
        what: str,
        known: Collection[str],
        *,
        required: Collection[str] = (),
    ) -> None:
        self.source = source
        self.node = node
        self.what = what
        self._known = known
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, Scalar] = {}
        if not isinstance(node, MapNode):
            wrong(source, node, f"a mapping with the keys of {_one(what)} ({', '.join(known)})")
            return
        strange = [pair for pair in node.pairs if not self._take(*pair)]
        for key, value in strange[:MOST_STRANGE]:
            self._misspelt(key, value, required)
        if len(strange) > MOST_STRANGE:
            message = f"and {len(strange) - MOST_STRANGE:,} more keys that {_one(what)} does not have"
            source.report(strange[MOST_STRANGE][0], "unknown-key", message, f"valid keys: {', '.join(known)}")

    def _take(self, key: Scalar, value: Node, name: str = "") -> bool:
        """Keep *value* under *name* (its own key if not given); whether there is such a key."""
        name = name or key.text
        if name in self._known:
            self._nodes[name], self._keys[name] = value, key
        return name in self._known

    def _misspelt(self, key: Scalar, value: Node, required: Collection[str]) -> None:
        missing = {name for name in required if name not in self._nodes}
        absent = {name for name in self._known if name not in self._nodes}
        found = like(key.text, missing) or like(key.text, absent)
        guess = found or like(key.text, self._known)
        suffix = f"; did you mean '{guess}'?" if guess else ""
        hint = "" if guess else f"valid keys: {', '.join(self._known)}"
        self.source.report(key, "unknown-key", f"'{key.text[:60]}' is no key of {_one(self.what)}{suffix}", hint)
        if found:
            self._take(key, value, found)

    @property
    def readable(self) -> bool:
        """Whether there is a mapping at all."""
        return isinstance(self.node, MapNode)

    def node_of(self, key: str) -> Node | None:
        """Return the node of *key*; None where it is not written or was reported."""
        node = self._nodes.get(key)
        return None if isinstance(node, Broken) else node

    def written(self, key: str) -> bool:
        """Whether *key* stands in the file, right or wrong."""
        return key in self._nodes

    def key(self, key: str) -> Node:
        """Return where *key* itself stands, for messages; the whole mapping where it is not written."""
        return self._keys.get(key, self.node)

    def names_in(self, key: str) -> dict[str, Scalar]:
        """Return the keys of the mapping at *key*, each with where it stands."""
        node = self._nodes.get(key)
        return {name.text: name for name, _ in node.pairs} if isinstance(node, MapNode) else {}

    def value_in(self, key: str, name: str) -> Node:
        """Return the value of *name* in the mapping at *key*; the whole mapping where it is not there."""
        node = self._nodes.get(key)
        pairs = node.pairs if isinstance(node, MapNode) else ()
        return next((value for found, value in pairs if found.text == name), self.node)

    @overload
    def read(self, key: str, reader: Reader[T]) -> T | None: ...
    @overload
    def read(self, key: str, reader: Reader[T], default: D) -> T | D: ...
    def read(self, key: str, reader: Reader[T], default: object = None) -> object:
        """Return what *reader* makes of *key*; *default* where it is not written or is wrong."""
        node = self.node_of(key)
        if node is None:
            return default
        value = reader(self.source, node)
        return default if value is None else value

    def require(self, key: str, reader: Reader[T], hint: str = "") -> T | None:
        """As ``read``; a missing key is reported, too."""
        if self.readable and not self.written(key):
            self.source.report(self.node, "missing-key", f"'{key}' is missing in this {self.what}", hint)
        return self.read(key, reader)


def entries(source: SourceFile, node: Node, what: str) -> Iterator[tuple[Scalar, Node]]:
    """Yield the pairs of a mapping whose keys are names that the author chose; report other nodes."""
    if isinstance(node, MapNode):
        yield from node.pairs
    else:
        wrong(source, node, what)


def like(name: str, valid: Collection[str]) -> str | None:
    """Return the one of *valid* that *name* is nearly, or None."""
    return next(iter(get_close_matches(name, sorted(valid), n=1, cutoff=0.6)), None)


def _one(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
