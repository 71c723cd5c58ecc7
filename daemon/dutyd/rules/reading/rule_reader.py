"""Read one rule of a rule file: its keys, its expressions, its steps, and all of it against what is known.

Called by ``load`` for each item of ``rules``. A rule comes out only where nothing in it is wrong enough to keep it
from being built; the loader refuses the whole set if anything at all was reported.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dutyd.core.expr import Expr, Type
from dutyd.core.limits import Group, Throttle
from dutyd.core.mfjs import MOST_FUNCTIONS
from dutyd.core.place import Place
from dutyd.core.rule import Mode, Rule, Severity
from dutyd.core.step import Agent, Step
from dutyd.core.tool import ANSWER
from dutyd.rules.known import Known
from dutyd.rules.reading.agent_reader import read_agent, read_answer
from dutyd.rules.reading.episode_reader import KEYS as EPISODE_KEYS
from dutyd.rules.reading.episode_reader import read_brake, read_episode
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.group_reader import check_group, group_reader, named_in_steps, shared_fields
from dutyd.rules.reading.muting_reader import read_inhibit
from dutyd.rules.reading.opening_reader import check_conditions, read_opening
from dutyd.rules.reading.order import Block, ordered
from dutyd.rules.reading.schedule_reader import KEYS as SCHEDULE_KEYS
from dutyd.rules.reading.scopes import PREFIXES, Names, check_uses, fields_read, let_types
from dutyd.rules.reading.sequence_reader import KEYS as SEQUENCE_KEYS
from dutyd.rules.reading.step_checks import StepContext
from dutyd.rules.reading.step_reader import read_steps
from dutyd.rules.reading.tool_args import call_types
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import duration, list_of, names, one_of, plain, rate, text, wrong
from dutyd.rules.syntax.source import Broken, MapNode, Node, SourceFile

KEYS = (
    "id",
    "from",
    *SCHEDULE_KEYS,
    *SEQUENCE_KEYS,
    "where",
    "per",
    "let",
    "when",
    "for",
    "clear",
    *EPISODE_KEYS,
    "severity",
    "mode",
    "throttle",
    "brake",
    "inhibit",
    "group",
    "summary",
    "agent",
    "steps",
    "on_clear",
)
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FIELD = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_LET = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_TAKEN = frozenset((*PREFIXES, "summary", "evidence"))


def read_rule(source: SourceFile, node: Node, known: Known, ids: dict[str, Place]) -> Rule | None:
    """Return the rule at *node*, or None; what is wrong is reported to *source*.

    *ids* are the rules read so far, in any file, and where they stand; this one is added.
    """
    before = len(source.problems)
    fields = Fields(source, node, "rule", KEYS, required=("id", "from", "when", "steps"))
    if not fields.readable:
        return None
    id_, place = fields.require("id", _rule_id), source.place((fields.node_of("id") or node).start)
    if id_ is not None and (first := ids.setdefault(id_, place)) is not place:
        message = f"there is a rule '{id_}' already, in {first.file}, line {first.line}"
        source.report(fields.node_of("id") or node, "duplicate-rule", message, "ids are unique")
    rule = _read(fields, known, id_, place)
    if rule is not None and len(source.problems) == before:
        check_conditions(source, fields, rule)
    return rule


def _read(fields: Fields, known: Known, id_: str | None, place: Place) -> Rule | None:
    source, uses = fields.source, Uses(fields.source, known.tables)
    alone = _read_alone(fields)
    per = fields.read("per", names("[service]", _field))
    opening = read_opening(fields, known, uses, per, alone["opens"])
    let = _let(fields, uses)
    grouping = fields.read("group", group_reader(uses, _field))
    group = grouping if isinstance(grouping, Group) else None
    check_group(fields, group)
    summary = fields.read("summary", uses.text(Where.SUMMARY))
    agent = fields.read("agent", lambda source, node: read_agent(source, node, known, uses))
    steps, on_clear, scope = _steps(fields, known, uses, agent)
    shared, of_group = named_in_steps(group)
    scope = replace(scope, fields=opening.names or shared, group=of_group, items=opening.items)
    if grouping is not None or not fields.written("group"):
        check_uses(source, uses.all, scope)  # else nobody knows which names there are
    if id_ is None or opening.topic is None or opening.when is None:
        return None
    return Rule(
        id=id_,
        topic=opening.topic,
        when=opening.when,
        where=opening.where,
        clear=opening.clear,
        schedule=opening.schedule,
        sequence=opening.sequence,
        per=per or (),
        let=let,
        group=group,
        storms=grouping is None,
        summary=summary,
        agent=agent,
        steps=steps,
        on_clear=on_clear,
        reads_fields=fields_read(uses.all, scope) | frozenset(per or ()) | shared_fields(group, let),
        raw=plain(fields.node),
        place=place,
        **alone,
    )


def _read_alone(fields: Fields) -> dict[str, Any]:
    """Read the keys that have to do with no other, as arguments of ``Rule``."""
    return {
        **read_episode(fields),
        "hold": fields.read("for", duration, 0.0),
        "severity": fields.read("severity", one_of(Severity), Severity.WARNING),
        "mode": fields.read("mode", one_of(Mode), Mode.OBSERVE),
        "throttle": fields.read("throttle", _throttle, Throttle()),
        "brake": fields.read("brake", read_brake),
        "inhibit": fields.read("inhibit", read_inhibit),
    }


def _rule_id(source: SourceFile, node: Node) -> str | None:
    found = text(source, node)
    if found is None or RULE_ID.fullmatch(found):
        return found
    message = f"'{found[:60]}' is no id for a rule"
    source.report(node, "rule-id", message, "up to 100 letters, digits, '-', '_' and '.', such as high-priority-alert")
    return None


def _field(source: SourceFile, node: Node) -> str | None:
    found = text(source, node)
    if found is None or FIELD.fullmatch(found):
        return found
    source.report(node, "field-name", f"'{found[:60]}' is no name of a field", "name a field, such as service")
    return None


def _let(fields: Fields, uses: Uses) -> Mapping[str, Expr]:
    node = fields.node_of("let")
    if node is None:
        return {}
    found: dict[str, Expr] = {}
    for name, value in entries(fields.source, node, "a mapping of names to expressions"):
        if name.text in _TAKEN or not _LET.fullmatch(name.text):
            message = f"'{name.text[:60]}' can't be a name in `let`"
            hint = f"letters, digits and _; {', '.join(sorted(_TAKEN))} are taken"
            fields.source.report(name, "let-name", message, hint)
            continue
        read = uses.expression(Where.LET, name.text, Type.ANY)(fields.source, value)
        if read is not None:
            found[name.text] = read
    return found


def _throttle(source: SourceFile, node: Node) -> Throttle | None:
    fields = Fields(source, node, "throttle", ("per_entity", "per_rule"))
    if not fields.readable:
        return None
    rates = list_of(rate, "[3/1h]")
    return Throttle(fields.read("per_entity", rates, ()), fields.read("per_rule", rates, ()))


def _steps(
    fields: Fields, known: Known, uses: Uses, agent: Agent | None
) -> tuple[Mapping[str, Step], Mapping[str, Step], Names]:
    """Read ``steps`` and ``on_clear``; return both in order, and the names that expressions may use."""
    source = fields.source
    fields.require("steps", _some_steps, "say what is to be done")
    reads = agent.reads if agent else ()
    first, last = (
        read_steps(StepContext(source, known, uses, clearing, reads), node) if node is not None else {}
        for clearing, node in ((False, fields.node_of("steps")), (True, fields.node_of("on_clear")))
    )
    written, clearing = frozenset(fields.names_in("steps")), fields.names_in("on_clear")
    answer = _answer(fields, uses)
    if answer is not None:
        first = {answer.name: answer, **first}
        written |= {answer.name}
    _check_steps(fields, first, len(reads))
    last = {name: step for name, step in last.items() if name not in first}
    return (
        ordered(source, Block(first, fields.node_of("steps")), uses.all, frozenset()),
        ordered(source, Block(last, fields.node_of("on_clear")), uses.all, written),
        Names(
            let=let_types(uses.all),
            steps=written - {ANSWER.name} if answer is not None else written,
            answer=frozenset() if answer is None else frozenset(answer.decide),
            clearing=frozenset(clearing),
            each=frozenset(step.name for step in (*first.values(), *last.values()) if step.each is not None),
            arguments={
                step.name: call_types(known.catalogue[step.tool])
                for step in (*first.values(), *last.values())
                if step.tool in known.catalogue
            },
        ),
    )


def _answer(fields: Fields, uses: Uses) -> Step | None:
    """Read what the agent is to answer, as a step; a step of that name would be in its way."""
    node = fields.node_of("agent")
    answer = read_answer(fields.source, node, uses) if isinstance(node, MapNode) else None
    for key in ("steps", "on_clear") if answer is not None else ():
        if (at := fields.names_in(key).get(ANSWER.name)) is not None:
            fields.source.report(at, "step-name", "the agent's answer is a step of this name", "give it another name")
    return answer


def _check_steps(fields: Fields, steps: Mapping[str, Step], reads: int) -> None:
    """Report step names that are there twice, and decisions that nobody could make."""
    clearing = fields.names_in("on_clear")
    for name in fields.names_in("steps").keys() & clearing.keys():
        message = f"'{name}' is the name of a step under `steps`, too"
        fields.source.report(clearing[name], "duplicate-step", message, "step names are unique in a rule")
    for step in steps.values():
        if step.decide and not fields.written("agent"):
            message = f"step '{step.name}' leaves something to decide, and the rule has no `agent`"
            hint = "add agent: {goal: ...}, or bind every argument in `with`"
            fields.source.report(fields.value_in("steps", step.name), "agent", message, hint)
    if (
        fields.written("agent")
        and (asked := reads + sum(bool(step.decide) for step in steps.values())) > MOST_FUNCTIONS
    ):
        message = f"{asked} functions would be offered to the model, and endpoints take {MOST_FUNCTIONS}"
        fields.source.report(fields.key("agent"), "agent", message, "make several rules of it")


def _some_steps(source: SourceFile, node: Node) -> bool | None:
    if isinstance(node, MapNode) and not node.pairs:
        source.report(node, "missing-key", "a rule has at least one step", "say what is to be done")
    elif not isinstance(node, MapNode | Broken):
        wrong(source, node, "a mapping of step names to steps")
    return None
