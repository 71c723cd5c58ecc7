"""The order of a rule's steps: ``needs`` and every ``steps.x`` resolved, unknown names and circles refused.

Called by ``rule_reader`` when all steps were read; what comes out are the same steps with ``after`` complete.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dutyd.core.errors import nearest
from dutyd.core.step import Step
from dutyd.rules.reading.scopes import steps_read
from dutyd.rules.reading.uses import Use
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Node, Scalar, SourceFile


@dataclass(frozen=True, slots=True)
class Block:
    """``steps`` or ``on_clear``: its steps, and the node they were read from."""

    steps: Mapping[str, Step]
    node: Node | None

    def key(self, name: str) -> Node | None:
        """Return where the name of a step stands."""
        return next((key for key, _ in _pairs(self.node) if key.text == name), self.node)

    def needs(self, name: str) -> tuple[Node, ...]:
        """Return the items of a step's ``needs``."""
        found = next((value for key, value in _pairs(self.node) if key.text == name), None)
        listed = next((value for key, value in _pairs(found) if key.text == "needs"), None)
        return listed.items if isinstance(listed, ListNode) else ()


def _pairs(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    return node.pairs if isinstance(node, MapNode) else ()


def ordered(source: SourceFile, block: Block, uses: Iterable[Use], earlier: frozenset[str]) -> dict[str, Step]:
    """Return the steps of *block* with ``after`` complete.

    *earlier* are the steps that ended before any of these begins: those of the opening, for ``on_clear``.
    """
    uses = tuple(uses)
    found: dict[str, Step] = {}
    for name, step in block.steps.items():
        for node in block.needs(name):
            _check_need(source, block, node, earlier)
        named = step.after | steps_read(uses, name)
        found[name] = replace(step, after=named & (block.steps.keys() | earlier))
    _refuse_circle(source, block, found)
    return found


def _check_need(source: SourceFile, block: Block, node: Node, earlier: frozenset[str]) -> None:
    written = {key.text for key, _ in _pairs(block.node)}
    if isinstance(node, Broken) or not isinstance(node, Scalar) or node.text in written or node.text in earlier:
        return
    valid = tuple(sorted(written | earlier))
    message = f"there is no step '{node.text[:60]}'{nearest(node.text, valid)}"
    source.report(node, "unknown-step", message, f"the steps are {', '.join(valid)}")


def _refuse_circle(source: SourceFile, block: Block, steps: Mapping[str, Step]) -> None:
    """Report one circle, where its first step stands: steps that wait for each other would never begin."""
    waiting = {name: set(step.after & steps.keys()) for name, step in steps.items()}
    while free := [name for name, after in waiting.items() if not after]:
        for name in free:
            del waiting[name]
        for after in waiting.values():
            after.difference_update(free)
    if not waiting:
        return
    name, path = next(iter(waiting)), list[str]()
    while name not in path:
        path.append(name)
        name = min(waiting[name])
    circle = [*path[path.index(name) :], name]
    message = f"steps wait for each other in a circle: {' -> '.join(circle)}"
    source.report(block.key(name) or 0, "circle", message, "take out one `needs` or one `steps.` between them")
