"""Lints over a whole rule: what it reads, what it repeats, and what it may cost in a day.

Called by ``check`` for each rule. A finding points at the rule's id.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from dutyd.core.expr.text import to_text
from dutyd.core.expr.tree import Name, Node, Window, walk
from dutyd.core.model_use import ModelLimits
from dutyd.core.rule import Rule
from dutyd.core.tool import Tool
from dutyd.rules.known import Known
from dutyd.rules.lints.pricing import daily, least, run_usd
from dutyd.rules.problems import Problem

_COUNTER: Final = re.compile(
    r"_(total|bucket)$|_((milli|micro|nano)?seconds|ms|bytes|duration|latency|size)_(count|sum)$"
)
"""How numbers that only grow are named (https://prometheus.io/docs/practices/naming): counters, and the parts of a
histogram or summary, which carry its unit. ``error_count`` alone may as well be a number of now."""

_ON_ORDER: Final = ("on_order", "onorder", "in_transit", "incoming", "ordered", "position", "backorder")
"""Parts of the names by which stock on its way goes."""


def lints_of(rule: Rule, known: Known) -> Iterator[Problem]:
    """Yield what looks wrong in *rule* as a whole."""
    for lint in _LINTS:
        yield from lint(rule, known)


def _orders_on_the_shelf(rule: Rule, known: Known) -> Iterator[Problem]:
    """A rule that orders by what lies on the shelf: what is on its way would be ordered again."""
    tools = [known.catalogue[step.tool] for step in rule.steps.values() if step.tool in known.catalogue]
    if not any(tool.family == Tool.PURCHASING and tool.changes and tool.spends for tool in tools):
        return
    names = {name for node in _nodes(rule) for name in _read(node)} | rule.let.keys()
    if not any(part in name.lower() for name in names for part in _ON_ORDER):
        message = "it orders, and its conditions don't count what is on order already"
        hint = "compare the position: let: {position: inventory_level + on_order}"
        yield _at(rule, "on-order", message, hint)


def _averages_of_counters(rule: Rule, _: Known) -> Iterator[Problem]:
    """An average of a number that only grows says how old the counter is."""
    for node in _nodes(rule):
        if isinstance(node, Window) and node.function == "avg" and _COUNTER.search(node.field or ""):
            message = f"{to_text(node)} is the average of a counter: it only grows"
            yield _at(rule, "counter", message, f"look at how it changes: delta({node.field}, 5m) or rate(...)")


def _costs_without_end(rule: Rule, known: Known) -> Iterator[Problem]:
    """A rule whose model may cost more in a day than the policy gives, or any amount at all."""
    cost = daily(rule, known)
    if not cost.asks or known.policy is None:
        return
    tokens, usd = _model_day(known.policy.model)
    if cost.runs is None:
        if tokens is None and usd is None:
            message = "nothing limits how often its model is asked in a day"
            hint = "add throttle: {per_rule: [30/1d]}, or `model` limits to the policy"
            yield _at(rule, "model-cost", message, hint)
        return
    over = [
        f"{most:,.0f} {unit} a day at most, and the policy gives {limit:,.0f}"
        for most, limit, unit in ((cost.tokens, tokens, "tokens"), (cost.usd, usd, "USD"))
        if most is not None and limit is not None and most > limit
    ]
    if over:
        hint = (
            "lower the agent's budget or the throttle: the model is not asked any more when less is left than a budget"
        )
        yield _at(rule, "model-cost", f"its model may take {'; '.join(over)}", hint)


def _is_never_asked(rule: Rule, known: Known) -> Iterator[Problem]:
    """A run's budget is reserved before the model is asked: one that is more than the policy gives has no room."""
    if rule.agent is None or known.policy is None:
        return
    budget, (tokens, usd) = rule.agent.budget, _model_day(known.policy.model)
    run = None if known.token_usd is None else run_usd(budget, known)  # without a price dollars limit nothing
    over = [
        f"{most:,.10g} {unit}, and the policy gives {limit:,.10g} a day"
        for most, limit, unit in ((budget.tokens, tokens, "tokens"), (run, usd, "USD"))
        if most is not None and limit is not None and most > limit
    ]
    if over:
        hint = "set agent: {budget: {tokens: ..., usd: ...}} to that or less"
        yield _at(rule, "model-never", f"its model is never asked: one run may take {'; '.join(over)}", hint)


def _model_day(limits: ModelLimits) -> tuple[float | None, float | None]:
    """Return how many tokens and US dollars the policy gives one rule in a day."""
    tokens = least(limits.tokens_per_rule_day, limits.tokens_per_day)
    return tokens, least(limits.usd_per_rule_day, limits.usd_per_day)


def _pages_without_end(rule: Rule, known: Known) -> Iterator[Problem]:
    """A rule that pages about an entity that may say nothing any more: its incident would stay open for ever."""
    tools = [known.catalogue[step.tool] for step in rule.steps.values() if step.tool in known.catalogue]
    pages = any(tool.family == Tool.ALERTING and tool.changes for tool in tools)
    if pages and not (rule.momentary or rule.silent or rule.expire):
        message = "it pages, and where no more events come its incident stays open for ever"
        hint = "add silent: {after: 1h, then: end} or expire: 7d; 'then: keep' says that this is meant"
        yield _at(rule, "no-end", message, hint)


def _nodes(rule: Rule) -> Iterator[Node]:
    for expression in (rule.where, rule.when, rule.clear, *rule.let.values()):
        if expression is not None:
            yield from walk(expression.root)


def _read(node: Node) -> tuple[str, ...]:
    if isinstance(node, Name):
        return (node.name,)
    return (node.field,) if isinstance(node, Window) and node.field is not None else ()


def _at(rule: Rule, code: str, message: str, hint: str) -> Problem:
    place = rule.place
    return Problem(place.file, place.line, place.column, code, f"rule '{rule.id}': {message}", hint)


_LINTS: Final[tuple[Callable[[Rule, Known], Iterator[Problem]], ...]] = (
    _orders_on_the_shelf,
    _averages_of_counters,
    _costs_without_end,
    _is_never_asked,
    _pages_without_end,
)
