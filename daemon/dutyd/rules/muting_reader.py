"""Read ``inhibit`` and ``group``: what mutes the incidents of a rule. Called by ``rule_reader``.

Which rules there are is known when all files were read: ``load`` asks ``wrong_inhibitors`` then.
"""

from collections.abc import Iterator, Mapping

from dutyd.core.errors import nearest
from dutyd.core.rule import Inhibit, Rule
from dutyd.rules.fields import Fields
from dutyd.rules.problems import Problem
from dutyd.rules.source import Node, SourceFile
from dutyd.rules.values import duration, names, wrong


def read_inhibit(source: SourceFile, node: Node) -> Inhibit | None:
    """Return what inhibits a rule, or None where it can't be read."""
    fields = Fields(source, node, "inhibit", ("by", "equal", "group_wait"), required=("by",))
    by = fields.require("by", names("[host-down]"), "name the rules whose open incidents mute this one")
    found = Inhibit(by or (), fields.read("equal", names("[host]"), ()), fields.read("group_wait", duration, 0.0))
    return None if by is None else found


def read_storms(source: SourceFile, node: Node) -> bool | None:
    """Return False for ``group: off``: every opening is an incident of its own, however many there are."""
    if getattr(node, "value", None) in ("off", False):
        return False
    wrong(source, node, "'off'", "write 'group: off', or leave it out")
    return None


def wrong_inhibitors(rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Yield what is wrong between a rule and those that inhibit it."""
    for rule in rules.values():
        if rule.inhibit is None:
            continue
        place = (rule.place.file, rule.place.line, rule.place.column, "inhibit")
        for other in rule.inhibit.by:
            if other not in rules:
                yield Problem(
                    *place,
                    f"rule '{rule.id}' is inhibited by '{other}', and there is no such rule",
                    f"name a rule of these files{nearest(other, tuple(rules))}",
                )
                continue
            for field in rule.inhibit.equal:
                if field not in rule.per or field not in rules[other].per:
                    message = f"'{field}' of `equal` is not in the `per` of both '{rule.id}' and '{other}'"
                    yield Problem(*place, message, "name fields that both rules keep their incidents by")
