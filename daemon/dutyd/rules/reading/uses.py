"""Every expression of one rule, with the scalar it is written in: read once, checked when the whole rule is known.

The block readers take expressions and templates through ``Uses``; ``scopes`` then checks types and names, because
which steps and ``let`` names there are is only known at the end. Messages of the expression language get file, line
and column here, inside quotes and block scalars too.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from dutyd.core.expr import Expr, ExpressionError, Template, Type, parse, parse_template
from dutyd.core.expr.tables import Tables, bind
from dutyd.rules.reading.values import Reader, plain, text, wrong
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_positions import locate

Path = tuple[str | int, ...]
Value = TypeVar("Value", Expr, Template)


class Where(Enum):
    """Which names an expression may read."""

    EVENT = auto()  # `where`: the event's fields
    SEQUENCE = auto()  # `where` of an item, of `unless`: the event's fields, and what was seen of earlier items
    LET = auto()  # `let`: fields and the names before it
    ONE_EVENT = auto()  # `when` of a rule that opens each event: fields and `let`, without windows and prev
    CONDITION = auto()  # `when`, `clear`: fields and `let`
    MEMBER = auto()  # `member` of a group: fields and `let`, without windows
    SUMMARY = auto()  # fields and `let`, without windows
    GOAL = auto()  # as SUMMARY, with summary and evidence
    STEP = auto()  # as GOAL, with `steps.x`
    EACH = auto()  # as STEP, without `item`: the list itself
    ITEM = auto()  # as STEP, with `item`, one item of the list that is decided
    CALL = auto()  # as STEP, with the call's own arguments


@dataclass(frozen=True, slots=True)
class Use:
    """One expression or template.

    Attributes:
        node: where it is written.
        value: what was written there.
        where: which names it may read.
        owner: the step, or the ``let`` name, that it belongs to.
        expect: what must come out.

    """

    node: Node
    value: Expr | Template
    where: Where
    owner: str = ""
    expect: Type = Type.ANY

    @property
    def exprs(self) -> tuple[tuple[Path, Expr], ...]:
        """Its expressions, and in which text of lists and mappings each stands."""
        return (((), self.value),) if isinstance(self.value, Expr) else self.value.places


@dataclass(slots=True)
class Uses:
    """The expressions of one rule; readers add to ``all``."""

    source: SourceFile
    tables: Tables = field(default_factory=dict)
    all: list[Use] = field(default_factory=list)

    def expression(self, where: Where, owner: str = "", expect: Type = Type.BOOL) -> Reader[Expr]:
        """Make a reader of an expression."""

        def read(source: SourceFile, node: Node) -> Expr | None:
            if not isinstance(node, Scalar) or node.value is None:
                wrong(source, node, "an expression such as error_count > 10")
                return None
            if node.text.lstrip().startswith("{{"):
                source.report(node, "expression", "this is an expression already", "leave out {{ and }}")
                return None
            return bind(parse(node.text), self.tables)

        return self._remembered(read, where, owner, expect)

    def template(self, where: Where, owner: str = "", expect: Type = Type.ANY) -> Reader[Template]:
        """Make a reader of a value that may hold ``{{ }}``."""

        def read(_: SourceFile, node: Node) -> Template | None:
            if isinstance(node, Broken):
                return None
            return parse_template(plain(node)).map(lambda expr: bind(expr, self.tables))

        return self._remembered(read, where, owner, expect)

    def _remembered(self, reader: Reader[Value], where: Where, owner: str, expect: Type) -> Reader[Value]:
        """Make *reader* put what it reads into ``all``, and report what is wrong inside it."""

        def read(source: SourceFile, node: Node) -> Value | None:
            try:
                found = reader(source, node)
            except ExpressionError as error:
                report_inside(source, node, error)
                return None
            if found is not None:
                self.all.append(Use(node, found, where, owner, expect))
            return found

        return read

    def text(self, where: Where) -> Reader[Template]:
        """Make a reader of a text that may hold ``{{ }}``."""
        template = self.template(where)

        def read(source: SourceFile, node: Node) -> Template | None:
            return None if text(source, node) is None else template(source, node)

        return read


def at_path(node: Node, path: Path) -> Node:
    """Return the node below *node* that *path* leads to, or the last one on the way."""
    for part in path:
        if isinstance(node, ListNode) and isinstance(part, int):
            node = node.items[part]
        elif isinstance(node, MapNode):
            node = next((value for key, value in node.pairs if key.text == part), node)
    return node


def report_inside(source: SourceFile, node: Node, error: ExpressionError) -> None:
    """Report *error* at the character that it means."""
    inner = at_path(node, error.path)
    if isinstance(inner, Broken):
        return
    index = locate(source.text, inner, error.column - 1) if isinstance(inner, Scalar) else inner.start
    source.report(index, "expression", error.message, error.hint)
