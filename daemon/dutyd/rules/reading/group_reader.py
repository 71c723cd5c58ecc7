"""Read ``group``: ``off``, or which openings of a rule are one incident.

Called by ``rule_reader``; what a group does to the rule's other keys is checked here, too.
"""

from collections.abc import Collection, Mapping
from enum import Enum, auto

from dutyd.core.expr import Template, Type
from dutyd.core.limits import Group
from dutyd.ledger.members import LISTED
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import Reader, count, duration, names, wrong
from dutyd.rules.syntax.source import MapNode, Node, SourceFile

KEYS = ("by", "wait", "at_most", "member")
ALONE = {
    "again": "the steps of a group run once",
    "schedule": "a rule with a schedule opens one incident at a time: there is nothing to group",
}
"""Keys that can't stand beside a group, and why."""


class Storms(Enum):
    """What is written instead of a group."""

    OFF = auto()  # however many open, each is an incident of its own


def group_reader(uses: Uses, field: Reader[str]) -> Reader[Group | Storms]:
    """Make a reader of ``group``; *field* reads the name of a field."""

    def read(source: SourceFile, node: Node) -> Group | Storms | None:
        if getattr(node, "value", None) in ("off", False):
            return Storms.OFF
        if not isinstance(node, MapNode):
            expected = "'off', or a mapping such as {by: [supplier], wait: 5m, at_most: 50}"
            wrong(source, node, expected, "write 'group: off', or leave it out")
            return None
        fields = Fields(source, node, "group", KEYS, required=("by", "wait"))
        by = fields.require("by", names("[supplier]", field), "name the fields that members have in common")
        wait = fields.require("wait", duration, "say how long a group waits for more members, such as 5m")
        at_most = fields.read("at_most", _at_most, LISTED)
        member = fields.read("member", lambda source, node: _member(source, node, uses))
        if by == ():
            message = "members of a group have something in common"
            source.report(fields.node_of("by") or node, "out-of-range", message, "name at least one field: [supplier]")
        return None if not by or wait is None else Group(by=by, wait=wait, at_most=at_most, member=member)

    return read


def _at_most(source: SourceFile, node: Node) -> int | None:
    found = count(source, node)
    if found is None or 1 < found <= LISTED:
        return found
    source.report(node, "out-of-range", f"expected 2 to {LISTED} members, found {found}", "more open the next group")
    return None


def _member(source: SourceFile, node: Node, uses: Uses) -> Mapping[str, Template] | None:
    found: dict[str, Template] = {}
    for name, value in entries(source, node, "a mapping of names to values"):
        template = uses.template(Where.MEMBER)(source, value)
        if template is not None:
            found[name.text] = template
    return found


def check_group(fields: Fields, group: Group | None) -> None:
    """Report keys beside a group that contradict it."""
    for key, why in ALONE.items():
        if group is not None and fields.written(key):
            fields.source.report(fields.key("group"), "group", f"`group` beside `{key}`: {why}", "delete one of them")


def named_in_steps(group: Group | None) -> tuple[Mapping[str, Type] | None, frozenset[str] | None]:
    """Return what the steps of a rule read in place of fields, and what may follow ``group.``; None: no group."""
    if group is None:
        return None, None
    firsts = (name.partition(".")[0] for name in group.by)
    return dict.fromkeys(group.by, Type.ANY), frozenset(("members", "size", *firsts))


def shared_fields(group: Group | None, let: Collection[str]) -> frozenset[str]:
    """Return the event fields that members of a group have in common; names of *let* are no fields."""
    return frozenset(name for name in (group.by if group else ()) if name not in let)
