"""Read ``agent``: the goal of a run, the tools it may read with, and its budget. Called by ``rule_reader``."""

from dutyd.core.rule import Agent, Budget
from dutyd.rules.fields import Fields
from dutyd.rules.known import Known
from dutyd.rules.source import ListNode, Node, Scalar, SourceFile
from dutyd.rules.step_checks import find_tool
from dutyd.rules.uses import Uses, Where
from dutyd.rules.values import count, names, positive

KEYS = ("goal", "reads", "budget")
LATER = ("answer", "fallback")


def read_agent(source: SourceFile, node: Node, known: Known, uses: Uses) -> Agent | None:
    """Return the agent of a rule, or None where it can't be read."""
    fields = Fields(source, node, "agent", KEYS, later=LATER, required=("goal",))
    goal = fields.require("goal", uses.text(Where.GOAL), "say in a sentence what the agent is to find out or decide")
    reads = fields.read("reads", names("[search_runbooks]"), ())
    listed = fields.node_of("reads")
    for item in listed.items if isinstance(listed, ListNode) else ():
        _check_reads(source, known, item)
    budget = fields.read("budget", _budget, Budget())
    return None if goal is None else Agent(goal, reads, budget)


def _check_reads(source: SourceFile, known: Known, item: Node) -> None:
    name = item.value if isinstance(item, Scalar) else None
    tool = find_tool(source, known, name, item) if isinstance(name, str) else None
    if tool is not None and tool.changes:
        valid = sorted(name for name, other in known.catalogue.items() if not other.changes)
        message = f"'{tool.name}' changes the outside world: `reads` holds reading tools only"
        source.report(item, "reads", message, f"make it a step, or choose from {', '.join(valid)}")


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
