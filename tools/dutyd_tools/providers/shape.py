"""Shapes: how a system's requests and answers are written in the settings, in the one value syntax of rules.

Text is literal, ``{{ }}`` marks an expression. Members that a tool did not fill are not there: a value that is only
``{{ priority }}`` is then left out, and inside a longer text nothing stands in its place, so that no page loses its
text for want of a detail. What an event or a model wrote can't break out of the place where it is put: not of a path,
not of a header.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dutyd.core.expr import (
    Expr,
    ExpressionError,
    Look,
    Scope,
    Template,
    Type,
    examine_template,
    parse,
    parse_template,
)
from dutyd.core.expr.template import Joined, as_text
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.tool import RefusedError
from dutyd_tools import TOOLS

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

MEMBERS: Mapping[str, frozenset[str]] = {tool.makes: frozenset(tool.args.model_fields) for tool in TOOLS if tool.makes}
"""What can be made with the tools of this package, and the members that a body of it may have."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A value of the settings, parsed: templates inside lists and mappings."""

    root: Any

    def templates(self) -> Iterator[Template]:
        """Yield every template in it."""
        yield from _templates(self.root)

    def render(self, look: Look) -> Any:
        """Return the value under *look*, without what is unknown."""
        return _render(self.root, look)


@dataclass(frozen=True, slots=True)
class _ReadBy:
    """Makes pydantic read a setting by *function*, and never look into the type: a tree's types go round in circles."""

    function: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.function)


def _shape(value: object) -> Shape:
    return value if isinstance(value, Shape) else Shape(_parsed(value))


def _template(value: object) -> Template:
    if isinstance(value, Template):
        return value
    if isinstance(value, Mapping | list | tuple) or value is None:
        raise ValueError("expected a text")
    return _parse(value)


def _expression(value: object) -> Expr:
    try:
        return value if isinstance(value, Expr) else parse(str(value))
    except ExpressionError as error:
        raise ValueError(f"{error.message} in '{value}' ({error.hint})") from error


AnyShape = Annotated[Shape, _ReadBy(_shape)]
"""A setting that is a value of any form."""

Text = Annotated[Template, _ReadBy(_template)]
"""A setting that is a text (or a number) with ``{{ }}`` in it."""

Condition = Annotated[Expr, _ReadBy(_expression)]
"""A setting that is an expression, as ``when`` and ``if`` are in rules."""

Texts = Mapping[str, Text]


def names_for(kind: str, secrets: Sequence[str]) -> Scope:
    """Return what expressions of a request may name: members of *kind* (empty: of any), our key, secrets."""
    members = MEMBERS.get(kind, frozenset()) if kind else frozenset().union(*MEMBERS.values())
    names = dict.fromkeys([*sorted(members), "key", "makes"], Type.ANY)
    return Scope(names, closed=bool(members), prefixes={"secret": frozenset(secrets)}, windows=False)


def check_names(place: str, template: Template, scope: Scope) -> Iterator[str]:
    """Yield what is wrong in *template*, which stands at *place* of the settings."""
    for problem in examine_template(template, scope):
        yield f"{place}: {problem.message} in '{template.source}' ({problem.hint})"


def content_of(
    shape: Shape | None, members: Mapping[str, Any], look: Look, *, as_form: bool = False
) -> tuple[bytes, str]:
    """Return the body of a request and its type: plain text, a form, or JSON; without *shape*, *members* as they are.

    Raises:
        RefusedError: a plain text can't be put together.

    """
    if shape is not None and isinstance(shape.root, Template):
        if (text := whole_text(shape.root, look)) is None:
            raise RefusedError(f"the body can't be put together: a value is missing for '{shape.root.source}'")
        return text.encode("utf-8", "replace"), "text/plain; charset=utf-8"
    value = dict(members) if shape is None else shape.render(look)
    if as_form:
        texts = {name: as_text(each) for name, each in value.items()}
        members = {name: text for name, text in texts.items() if text is not None}
        return urlencode(members, errors="replace").encode(), FORM
    return json.dumps(value).encode(), JSON


def path_of(template: Template, look: Look) -> str:
    """Return *template* as the path of an address: what an expression gives stays inside its segment.

    Raises:
        RefusedError: something in it is unknown, or leads elsewhere.

    """

    def segment(value: str) -> str:
        if not value.strip("."):
            raise RefusedError(f"'{value}' in the path '{template.source}' leads elsewhere")
        return quote(value, safe="", errors="replace")

    if (found := template.text(look, segment)) is None:
        raise RefusedError(f"the path can't be put together: a value is missing for '{template.source}'")
    return found


def whole_text(template: Template, look: Look) -> str | None:
    """Return *template* as a text with nothing in the place of members that are not there; None where it is unknown."""

    def or_nothing(node: Name | Has | Window | Prev) -> object | None:
        value = look(node)
        return "" if value is None and isinstance(node, Name) else value

    return template.text(or_nothing if isinstance(template.root, Joined) else look)


def texts_of(texts: Texts, look: Look) -> dict[str, str]:
    """Return *texts* under *look*, without those that are unknown."""
    rendered = {name: template.text(look) for name, template in texts.items()}
    return {name: value for name, value in rendered.items() if value is not None}


def headers_of(texts: Texts, look: Look) -> dict[str, str]:
    """Return *texts* as headers: one line of ASCII each (RFC 9110, 5.5)."""
    return {name: _line(value) for name, value in texts_of(texts, look).items()}


def _line(value: str) -> str:
    return (
        " ".join("".join(char if char.isprintable() else " " for char in value).split())
        .encode("ascii", "replace")
        .decode()
    )


def _parsed(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _parsed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_parsed(each) for each in value)
    return _parse(value)


def _parse(value: object) -> Template:
    try:
        return parse_template(value)
    except ExpressionError as error:
        raise ValueError(f"{error.message} in '{value}' ({error.hint})") from error


def _templates(root: Any) -> Iterator[Template]:
    if isinstance(root, Template):
        yield root
    else:
        for each in root.values() if isinstance(root, Mapping) else root:
            yield from _templates(each)


def _render(root: Any, look: Look) -> Any:
    if isinstance(root, Template):
        return whole_text(root, look) if isinstance(root.root, Joined) else root.render(look)
    if isinstance(root, Mapping):
        members = {name: _render(each, look) for name, each in root.items()}
        return {name: value for name, value in members.items() if value is not None}
    return [value for each in root if (value := _render(each, look)) is not None]
