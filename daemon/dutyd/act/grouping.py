"""Groups: many openings of a rule that are worked as one incident, ``group: {by, wait, at_most}``.

A member that is free to begin joins the group that gathers (``gathering_of`` names it, ``lua/join.lua`` finds or opens
it). When a group's time has come, ``with_members`` puts what is told of its members into the trigger of its incident,
and from there on it is an incident as any other: its fields are those that its members have in common, and
``group.members`` and ``group.size`` stand beside them. Pure; used by ``path`` and by ``rules test`` and ``backtest``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from dutyd.act.gateway.text import clean, cut
from dutyd.core.expr import Look, look_in
from dutyd.core.expr.evaluate import find
from dutyd.core.expr.operators import key_text
from dutyd.core.incident import Trigger, entity_text, incident_id
from dutyd.core.limits import Group
from dutyd.core.rule import Rule
from dutyd.ledger.members import Gathering

MOST_BYTES: Final = 128 * 1024
"""What is told of all members: it must fit into one record, with all else that an incident holds."""

_TEXTS: Final = (2000, 500, 100, 20)  # characters of one text, from what is hoped for to what always fits
_MOST_NAMES: Final = 40


def gathering_of(rule: Rule, group: Group, member: Trigger) -> Gathering:
    """Return the group that *member* opens where none gathers; it is alone where it lacks a value of ``by``."""
    values = {**member.evidence.fields, **member.evidence.let}
    by = {name: find(values, name) for name in group.by}
    entity = {name: text for name, value in by.items() if (text := key_text(value)) is not None}
    alone = len(entity) < len(by)
    name = f"{entity_text((rule.id,))}/{member.incident if alone else entity_text(tuple(entity.values()))}"
    trigger = msgspec.structs.replace(
        member,
        # As a storm's: a member of this name begins no other group, so that no two are one.
        incident=incident_id(rule.id, ("group", *entity.values()), member.incident),
        entity=entity,
        evidence=msgspec.structs.replace(
            member.evidence, fields={name: by[name] for name in entity}, let={}, values={}, cut=False
        ),
    )
    return Gathering(name, trigger, group.wait, 1 if alone else group.at_most)


def with_members(rule: Rule, group: Group, trigger: Trigger, members: Sequence[Trigger]) -> Trigger:
    """Return the trigger of a group with what is told of *members*, the oldest first; too long texts are cut."""
    in_order = sorted(members, key=lambda member: (member.opened, tuple(member.entity.values()), member.incident))
    told = [_told(rule, group, member) for member in in_order]
    for limit in _TEXTS:
        kept = [{name: _short(value, limit) for name, value in each.items()} for each in told]
        if len(msgspec.json.encode(kept)) <= MOST_BYTES:
            break
    group_said = {**trigger.evidence.fields, "members": kept, "size": len(members)}
    evidence = msgspec.structs.replace(trigger.evidence, let={"group": group_said}, cut=kept != told)
    return msgspec.structs.replace(trigger, evidence=evidence)


def _told(rule: Rule, group: Group, member: Trigger) -> dict[str, Any]:
    """Return what is told of one member; a value that is unknown is not there."""
    evidence = member.evidence
    if group.member is not None:
        look: Look = look_in({**evidence.fields, **evidence.let})
        told = {name: template.render(look) for name, template in group.member.items()}
    else:
        named = {name: find(evidence.fields, name) for name in sorted(rule.reads_fields)}
        told = {**member.entity, **named, **evidence.let}
    return {name: value for name, value in list(told.items())[:_MOST_NAMES] if value is not None}


def _short(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return cut(clean(value), limit)
    if isinstance(value, Mapping | list | tuple):
        return cut(msgspec.json.encode(value).decode(), limit)
    return value
