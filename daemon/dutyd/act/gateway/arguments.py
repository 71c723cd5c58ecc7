"""Arguments: from the model's text to JSON values, and from values to what a tool accepts.

``read_arguments`` takes nothing but one plain JSON object; ``bind`` puts a step's arguments together (what the rule
binds, what was decided, or the fallback) and has the tool's own model judge the whole. Used by ``judge`` and, for
steps without a model, by the act path.
"""

import copy
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from annotated_types import MaxLen
from pydantic import BaseModel, ValidationError

from dutyd.act.gateway.bounds import Outside, kept, limits_of
from dutyd.act.gateway.text import clean, cut
from dutyd.act.gateway.values import Bound, Unbound
from dutyd.core.expr import Look, number_text
from dutyd.core.step import Step
from dutyd.core.tool import Catalogue, tool_of

_MOST = 65_536  # characters of arguments that are read at all


def read_arguments(text: str) -> dict[str, Any] | Outside:
    """Return the JSON object in *text*; none at all is an empty one.

    NaN, infinities, a name that is there twice, too much text and too deep nesting are ``Outside``.
    """
    if len(text) > _MOST:
        return Outside(f"is longer than {_MOST} characters")
    try:
        value = json.loads(text or "{}", parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        return Outside(f"is not valid JSON: {cut(str(error), 200)}")
    return value if isinstance(value, dict) else Outside("must be a JSON object")


def bind(step: Step, catalogue: Catalogue, look: Look, decided: Mapping[str, Any] | None = None) -> Bound | Unbound:
    """Return all arguments of *step*.

    Args:
        step: the step, as ``tighten`` left it.
        catalogue: the installed tools.
        look: the names that expressions of the step may read.
        decided: what was decided, within its bounds; None: the step's fallback decides, where something is left open.

    What the rule binds wins over what was decided. An expression that is unknown, or a value that the tool does not
    take, makes it unbound; a text that is too long for the tool is cut.

    """
    tool = tool_of(step.tool, catalogue)
    if tool is None:
        return Unbound(f"the tool '{step.tool}' is not installed")
    if decided is None:
        fallen = _fallback(step, tool.args, look)
        if isinstance(fallen, Unbound):
            return fallen
        decided = fallen
    args: dict[str, Any] = dict(decided)
    for name, template in step.args.items():
        value = template.render(look)
        if value is None:
            return Unbound(f"argument '{name}' is unknown: {template.source}")
        args[name] = _fitting(value, text_limit(tool.args, name))
    return validated(tool.args, args, as_text=True)


def validated(model: type[BaseModel], args: Mapping[str, Any], *, as_text: bool = False) -> Bound | Unbound:
    """Return *args* where *model* takes them.

    With *as_text*, a number where a text belongs is written as people write it: the SKU 12 of an event is the text 12.
    """
    try:
        model.model_validate(args)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        places = [each["loc"] for each in errors if each["type"] == "string_type" and _is_number(each["input"])]
        if as_text and places:
            return validated(model, _with_texts(args, places))
        return Unbound("; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in errors))
    return Bound(args)


def _with_texts(args: Mapping[str, Any], places: Iterable[tuple[int | str, ...]]) -> dict[str, Any]:
    """Return *args* with the numbers at *places*, as deep as they stand in lists and objects, written as texts."""
    new: dict[str, Any] = copy.deepcopy(dict(args))
    for *path, last in places:
        inner: Any = new
        for part in path:
            inner = inner[part]
        inner[last] = number_text(inner[last])
    return new


def text_limit(model: type[BaseModel], name: str) -> int | None:
    """Return how long *model* lets the text *name* be, None where it does not say."""
    field = model.model_fields.get(name)
    limits = [part.max_length for part in field.metadata if isinstance(part, MaxLen)] if field else []
    return min(limits, default=None)


def _fallback(step: Step, model: type[BaseModel], look: Look) -> dict[str, Any] | Unbound:
    if step.decide and step.fallback is None:
        return Unbound("nobody decided and the step has no fallback")
    args: dict[str, Any] = {}
    for name, template in (step.fallback or {}).items():
        value = template.render(look)
        if value is None:
            return Unbound(f"fallback '{name}' is unknown: {template.source}")
        value = _fitting(value, text_limit(model, name))
        if name in step.decide:
            # Bounds hold for the fallback, too; one that is unknown now only keeps the model out.
            limits = limits_of(step.decide[name], look, text_limit(model, name))
            # Without its limits nobody can say what a list consists of.
            instead = limits if step.decide[name].kind == "each" else value
            value = (
                instead if isinstance(limits, Outside) else kept(limits, _for_kind(limits.kind, value), shorten=True)
            )
        if isinstance(value, Outside):
            return Unbound(f"fallback '{name}' {value.reason}")
        args[name] = value
    return args


def _for_kind(kind: str, value: Any) -> Any:
    return number_text(value) if kind == "text" and _is_number(value) else value


def _fitting(value: object, limit: int | None) -> Any:
    """Return a rendered value as a JSON value: texts cleaned and cut, whole numbers without a fraction."""
    if isinstance(value, str):
        text = clean(value)
        return text if limit is None else cut(text, limit)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_fitting(item, None) for item in value]
    if isinstance(value, Mapping):
        return {clean(str(name)): _fitting(item, None) for name, item in value.items()}
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found
