"""The judgement on what a model asks for: within the grant or not. It trusts nothing that the model says.

``offered`` says what a run may decide and read; ``judge`` takes one call and lets it through only as a decision about a
granted step, with decided arguments inside their bounds and everything else put in by code, or as a question that the
rule allows. Called by the agent run for every call, and again for every replayed one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dutyd.act.gateway.arguments import bind, read_arguments, text_limit, validated
from dutyd.act.gateway.bounds import Limits, Outside, kept, limits_of, object_schema
from dutyd.act.gateway.dialect import schema_of
from dutyd.act.gateway.text import clean, cut
from dutyd.act.gateway.values import Accepted, Bound, Call, Function, Read, Rejected, Unbound
from dutyd.core.errors import nearest
from dutyd.core.expr import Look
from dutyd.core.rule import Rule
from dutyd.core.step import Step
from dutyd.core.tool import Catalogue, Tool, known_tool, tool_of

_READ_TEXT = 2000  # characters of one text in a question


def narrowed(rule: Rule, steps: Mapping[str, Step] | tuple[Step, ...]) -> Rule:
    """Return *rule* with only *steps*: the grant of a run that may decide just these."""
    chosen = steps.values() if isinstance(steps, Mapping) else steps
    return replace(rule, steps={step.name: step for step in chosen})


def offered(rule: Rule, catalogue: Catalogue, look: Look) -> tuple[Function, ...]:
    """Return the functions that a run of *rule* is offered: its questions, then its steps that are to be decided.

    A step whose bounds are unknown now is not offered; ``withheld`` says why.
    """
    reading = tuple(
        Function(tool.name, tool.about, schema_of(tool.args), decides=False) for tool in _questions(rule, catalogue)
    )
    return (
        *reading,
        *(_function(step, known_tool(step.tool, catalogue), limits) for step, limits in _open(rule, catalogue, look)),
    )


def withheld(rule: Rule, catalogue: Catalogue, look: Look) -> Mapping[str, str]:
    """Return the steps that are to be decided and yet can't be offered now, each with its reason."""
    found: dict[str, str] = {}
    for step in rule.steps.values():
        limits = _limits(step, catalogue, look) if step.decide else {}
        if isinstance(limits, Outside):
            found[step.name] = limits.reason
    return found


def judge(rule: Rule, catalogue: Catalogue, call: Call, look: Look) -> Accepted | Read | Rejected:
    """Return what becomes of *call* under the grant of *rule*."""
    arguments = read_arguments(call.arguments)
    if isinstance(arguments, Outside):
        return Rejected(f"the arguments' text {arguments.reason}")
    step = rule.steps.get(call.name)
    if step is not None and step.decide:
        return _decision(step, catalogue, arguments, look)
    questions = {tool.name: tool for tool in _questions(rule, catalogue)}
    if call.name in questions:
        return _question(questions[call.name], arguments)
    names = [*questions, *(step.name for step in rule.steps.values() if step.decide)]
    return Rejected(
        f"there is no function '{cut(clean(call.name), 64)}'{nearest(call.name, names)}; there are: {', '.join(names)}"
    )


def _questions(rule: Rule, catalogue: Catalogue) -> Iterator[Tool]:
    for name in rule.agent.reads if rule.agent else ():
        tool = catalogue.get(name)
        if tool is not None and not tool.changes and name not in rule.steps:
            yield tool


def _open(rule: Rule, catalogue: Catalogue, look: Look) -> Iterator[tuple[Step, Mapping[str, Limits]]]:
    for step in rule.steps.values():
        limits = _limits(step, catalogue, look) if step.decide else Outside("nothing to decide")
        if not isinstance(limits, Outside):
            yield step, limits


def _limits(step: Step, catalogue: Catalogue, look: Look) -> Mapping[str, Limits] | Outside:
    tool = tool_of(step.tool, catalogue)
    if tool is None:
        return Outside(f"the tool '{step.tool}' is not installed")
    found: dict[str, Limits] = {}
    for name, bound in step.decide.items():
        limits = limits_of(bound, look, text_limit(tool.args, name))
        if isinstance(limits, Outside):
            return Outside(f"'{name}': {limits.reason}")
        found[name] = limits
    return found


def _function(step: Step, tool: Tool, limits: Mapping[str, Limits]) -> Function:
    """Describe *step* in the rule's own words: an expression by its text, never by its value, which is an event's."""
    fixed = ", ".join(f"{name} = {template.source}" for name, template in step.args.items())
    about = f"{tool.about} Fixed by the rule: {fixed}." if fixed else tool.about
    return Function(step.name, about, object_schema(limits), decides=True)


def _decision(step: Step, catalogue: Catalogue, arguments: Mapping[str, Any], look: Look) -> Accepted | Rejected:
    limits = _limits(step, catalogue, look)
    if isinstance(limits, Outside):
        return Rejected(f"'{step.name}' can't be decided now: {limits.reason}")
    problems = [
        f"'{cut(clean(name), 64)}' is not yours to decide, only: {', '.join(limits)}"
        for name in arguments
        if name not in limits
    ]
    decided: dict[str, Any] = {}
    for name, limit in limits.items():
        value = kept(limit, arguments[name]) if name in arguments else Outside("is missing")
        if isinstance(value, Outside):
            problems.append(f"'{name}' {value.reason}")
        decided[name] = value
    if problems:
        return Rejected("; ".join(problems))
    match bind(step, catalogue, look, decided):
        case Bound(args):
            return Accepted(step, args)
        case Unbound(reason):
            return Rejected(f"'{step.name}' can't be done now: {reason}")


def _question(tool: Tool, arguments: Mapping[str, Any]) -> Read | Rejected:
    cleaned = {name: clean(value) if isinstance(value, str) else value for name, value in arguments.items()}
    long = [name for name, value in cleaned.items() if isinstance(value, str) and len(value) > _READ_TEXT]
    if long:
        return Rejected(f"'{cut(clean(long[0]), 64)}' is longer than {_READ_TEXT} characters")
    match validated(tool.args, cleaned):
        case Bound(args):
            return Read(tool, args)
        case Unbound(reason):
            return Rejected(reason)
