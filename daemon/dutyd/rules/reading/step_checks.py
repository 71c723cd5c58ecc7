"""Hold one step against its tool, its rule and the policy: what ``step_reader`` has read, and can't be so.

Unknown and missing arguments, values that the tool does not take, decisions that contradict each other: each is
reported where it stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dutyd.act.gateway.bounds import Outside, kept, limits_of
from dutyd.act.gateway.sayable import unsayable_step
from dutyd.core.errors import nearest
from dutyd.core.expr import Template, look_in
from dutyd.core.route import no_route, route_of
from dutyd.core.step import Bound, Step
from dutyd.core.tool import Args, Tool
from dutyd.rules.known import Known
from dutyd.rules.reading.fields import Fields, like
from dutyd.rules.reading.tool_args import required, unfit, wrong_literals
from dutyd.rules.reading.uses import Uses
from dutyd.rules.syntax.source import Node, Scalar, SourceFile


@dataclass(frozen=True, slots=True)
class StepContext:
    """What reading a step needs: the file, the world, the rule's expressions, and where the step stands."""

    source: SourceFile
    known: Known
    uses: Uses
    clearing: bool
    reads: tuple[str, ...]


def check_step(context: StepContext, fields: Fields, step: Step, tool: Tool | None) -> None:
    """Report what is wrong in *step*, whose keys are *fields*; *tool* is None where it is unknown."""
    _check_decisions(context, fields, step)
    if tool is not None:
        _check_names(fields, tool)
        _check_values(fields, step, tool)
        _check_route(context, fields, step, tool)
        _check_kind(fields, tool)


def find_tool(source: SourceFile, known: Known, name: str | None, node: Node | None) -> Tool | None:
    """Return the tool *name*, written at *node*; report one that is not installed or that the policy forbids."""
    if name is None or node is None:
        return None
    tool = known.catalogue.get(name)
    if tool is None:
        names = tuple(known.catalogue)
        guess = nearest(name, names)
        hint = "" if guess else f"there are {', '.join(sorted(names))}"
        source.report(node, "unknown-tool", f"there is no tool '{name[:60]}'{guess}", hint)
    elif known.policy is not None and known.policy.allows(name) is None:
        source.report(node, "policy", f"the policy says that '{name}' is never used", "ask the platform team")
    return tool


def _check_decisions(context: StepContext, fields: Fields, step: Step) -> None:
    """Check what is left to the model against what is bound, and the fallback against what is left."""
    source = context.source
    if context.clearing and fields.written("decide"):
        source.report(fields.key("decide"), "decide", "on_clear leaves nothing to the model: it runs without one")
    if fields.written("each") and fields.written("decide"):
        message = "`each` does a step once for each item, and the model is asked once"
        hint = "leave a list to it: decide: {lines: {each: {in: ..., decide: ...}}}"
        source.report(fields.key("each"), "decide", message, hint)
    decided, bound_names = fields.names_in("decide"), fields.names_in("with")
    for name, key in decided.items():
        if name in bound_names:
            message = f"'{name}' is bound by `with` and left to the model by `decide`"
            source.report(key, "decide", message, "delete one of them")
    if step.name in context.reads and decided:
        message = f"step '{step.name}' is named like a tool that the agent may read with"
        source.report(fields.node, "step-name", message, "give the step another name")
    if fields.written("fallback"):
        check_fallback(source, fields, decided)
    check_sayable(source, fields, "decide", step.name, step.decide)


def check_sayable(source: SourceFile, fields: Fields, key: str, name: str, decide: Mapping[str, Bound]) -> None:
    """Report what the endpoint would not take of a function *name* that decides what *key* of *fields* holds."""
    problem = unsayable_step(name, decide) if decide else None
    if problem is not None:
        first, _, inner = problem.path.partition(".")
        at = fields.names_in(key).get(first) or fields.key(key)
        place = f"{first}.{inner}".strip(".") or name
        message = f"a model can't be offered '{place}': {problem.what}"
        source.report(at, "unsayable", message, "endpoints refuse every request with it: choose another name or bound")


def check_fallback(source: SourceFile, fields: Fields, decided: Mapping[str, Scalar]) -> None:
    """Hold a fallback against what is left to the model: all of it, and nothing else."""
    given = fields.names_in("fallback")
    for name, key in given.items():
        if name not in decided:
            message = f"'{name[:60]}' in the fallback is not left to the model{nearest(name, tuple(decided))}"
            source.report(key, "fallback", message, "the fallback holds what `decide` holds, and nothing else")
    meant = {like(name, decided) for name in given if name not in decided}
    missing = [name for name in decided if name not in given and name not in meant]
    if missing:
        message = f"the fallback lacks {', '.join(missing)}"
        source.report(fields.key("fallback"), "fallback", message, "it must decide all that the model would")


def _check_names(fields: Fields, tool: Tool) -> None:
    """Report arguments that *tool* does not have, and those that it needs and nobody gives."""
    source, valid = fields.source, tuple(tool.args.model_fields)
    given = {**fields.names_in("with"), **fields.names_in("decide")}
    for name, at in given.items():
        if name not in valid:
            message = f"'{tool.name}' has no argument '{name[:60]}'{nearest(name, valid)}"
            source.report(at, "unknown-argument", message, f"its arguments: {', '.join(valid)}")
    meant = {like(name, valid) for name in given if name not in valid}
    alternatives = (
        tool.args.not_either({*given, *(name or "" for name in meant)}) if issubclass(tool.args, Args) else ""
    )
    if alternatives:
        source.report(fields.node, "missing-argument", f"'{tool.name}': {alternatives}", "in `with` or in `decide`")
    for name in required(tool.args):
        if name not in given and name not in meant:
            message = f"'{tool.name}' needs the argument '{name}'"
            source.report(fields.node, "missing-argument", message, "bind it in `with`, or leave it to `decide`")


def _check_values(fields: Fields, step: Step, tool: Tool) -> None:
    """Hold literal values and bounds of *step* against the tool's argument model."""
    source, valid = fields.source, tool.args.model_fields
    for key, templates in (("with", step.args), ("fallback", step.fallback or {})):
        literals = {name: one.literal for name, one in templates.items() if one.is_literal and name in valid}
        for name, message in wrong_literals(tool.args, literals):
            source.report(fields.value_in(key, name), "argument", message)
    for name, found in step.decide.items():
        if name in valid and (why := unfit(tool.args, name, found)):
            source.report(fields.value_in("decide", name), "bound", why)
        elif why := outside(found, (step.fallback or {}).get(name)):
            source.report(fields.value_in("fallback", name), "fallback", f"'{name}' {why}")


def outside(found: Bound, fallback: Template | None) -> str:
    """Return why a literal *fallback* is outside its bound; an empty text where it is inside or can't be told."""
    if fallback is None or not fallback.is_literal:
        return ""
    limits = limits_of(found, look_in({}))
    held = limits if isinstance(limits, Outside) else kept(limits, fallback.literal, shorten=True)
    return held.reason if isinstance(held, Outside) and not isinstance(limits, Outside) else ""


def _check_route(context: StepContext, fields: Fields, step: Step, tool: Tool) -> None:
    names = (context.known.routes or {}).get(tool.family)
    if names is None:
        return
    written: list[tuple[str, object]] = [
        ("decide", to) for to in (step.decide["to"].options if "to" in step.decide else ())
    ]
    for key, templates in (("with", step.args), ("fallback", step.fallback or {})):
        if "to" in templates:
            written.append((key, templates["to"].literal))
    for key, to in written:
        if isinstance(to, str) and route_of(tool, to, names) is None:
            context.source.report(fields.value_in(key, "to"), "unknown-route", no_route(tool, to, names))


def _check_kind(fields: Fields, tool: Tool) -> None:
    """Refuse gates on a tool that changes nothing: they would promise a protection that is not needed."""
    for key in ("refuse_if", "approval_if", "if_unsure"):
        if not tool.changes and fields.written(key):
            message = f"'{tool.name}' only reads: `{key}` has no effect on it"
            fields.source.report(fields.key(key), "no-effect", message, "delete it, or use `if`")
