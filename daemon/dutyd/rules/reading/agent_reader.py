"""Read ``agent``: the goal of a run, the tools it may read with, its budget, and the answer that it is to give.

Called by ``rule_reader``. An answer is read as a step: what a model decides, within bounds, and a fallback.
"""

from dutyd.act.gateway.sayable import unsayable_question
from dutyd.core.step import Agent, Budget, Step
from dutyd.core.tool import ANSWER
from dutyd.rules.known import Known
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.step_checks import check_fallback, check_sayable, find_tool, outside
from dutyd.rules.reading.step_reader import read_arguments, read_bounds
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import count, names, positive
from dutyd.rules.syntax.source import ListNode, MapNode, Node, Scalar, SourceFile

KEYS = ("goal", "reads", "budget", "answer", "fallback")


def read_agent(source: SourceFile, node: Node, known: Known, uses: Uses) -> Agent | None:
    """Return the agent of a rule, or None where it can't be read."""
    fields = Fields(source, node, "agent", KEYS, required=("goal",))
    goal = fields.require("goal", uses.text(Where.GOAL), "say in a sentence what the agent is to find out or decide")
    reads = fields.read("reads", names("[search_runbooks]"), ())
    listed = fields.node_of("reads")
    for item in listed.items if isinstance(listed, ListNode) else ():
        _check_reads(source, known, item)
    budget = fields.read("budget", _budget, Budget())
    return None if goal is None else Agent(goal, reads, budget)


def read_answer(source: SourceFile, node: Node, uses: Uses) -> Step | None:
    """Return the step that stands for the answer of the agent at *node*; None where it is not asked for one."""
    fields = Fields(source, node, "agent", KEYS)
    if not fields.written("answer"):
        if fields.written("fallback"):
            message = "the `fallback` of an agent stands in for its `answer`, and this one is asked for none"
            source.report(fields.key("fallback"), "fallback", message, "steps have fallbacks of their own")
        return None
    decide = read_bounds(fields, "answer", uses, ANSWER.name)
    if not decide and (at := fields.node_of("answer")) is not None and isinstance(at, MapNode):
        source.report(at, "missing-key", "an answer has at least one field", "such as kind: {one_of: [...]}")
    check_sayable(source, fields, "answer", ANSWER.name, decide)
    fallback = read_arguments(fields, "fallback", uses, ANSWER.name) if fields.written("fallback") else None
    if fallback is not None:
        check_fallback(source, fields, fields.names_in("answer"))
        for name, found in decide.items():
            if why := outside(found, fallback.get(name)):
                source.report(fields.value_in("fallback", name), "fallback", f"'{name}' {why}")
    return Step(name=ANSWER.name, tool=ANSWER.name, decide=decide, fallback=fallback, place=source.place(node.start))


def _check_reads(source: SourceFile, known: Known, item: Node) -> None:
    name = item.value if isinstance(item, Scalar) else None
    tool = find_tool(source, known, name, item) if isinstance(name, str) else None
    if tool is not None and tool.changes:
        valid = sorted(name for name, other in known.catalogue.items() if not other.changes)
        message = f"'{tool.name}' changes the outside world: `reads` holds reading tools only"
        source.report(item, "reads", message, f"make it a step, or choose from {', '.join(valid)}")
    elif tool is not None and (misfit := unsayable_question(tool)) is not None:
        at = f"argument '{misfit.path}'" if misfit.path else "its arguments"
        message = f"the tool '{tool.name}' can't be offered to a model: {at}: {misfit.keyword}"
        source.report(item, "reads", message, f"whoever wrote the tool: {misfit.what_to_do}; until then leave it out")


def _budget(source: SourceFile, node: Node) -> Budget | None:
    fields = Fields(source, node, "budget", ("turns", "seconds", "tokens", "usd"))
    if not fields.readable:
        return None
    usual = Budget()
    return Budget(
        turns=fields.read("turns", count, usual.turns),
        seconds=fields.read("seconds", positive, usual.seconds),
        tokens=fields.read("tokens", count, usual.tokens),
        usd=fields.read("usd", positive),
    )
