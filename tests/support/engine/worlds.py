"""Rules and events for property tests of the engine: small worlds in which everything happens often.

Few entities, fields and values, times that collide, events that come late or twice; conditions of every kind, weighted
towards thresholds, so that guards, bands, cuts and generated code are all used.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.core.expr import Expr, Node, to_text
from dutyd.core.expr.tree import Binary, Call, Has, ListOf, Literal, Name, Prev, Ternary, Unary, Window
from dutyd.core.opening import Again, Guard, Item, Opens, Silent, Then
from dutyd.core.opening import Sequence as Sequences
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change
from support.engine.reference import Told

TOPIC = "metrics"
_any: Any = st.sampled_from
_orders: Any = st.sampled_from(["<", "<=", ">", ">="])
_seconds = st.sampled_from([1.0, 2.0, 5.0, 10.0])
_numbers = st.sampled_from(["x", "y"]).map(Name)
_bounds = st.sampled_from([-1.0, 0.0, 1.0, 2.0, 3.0, 5.0]).map(Literal)

filters: st.SearchStrategy[Node] = st.one_of(
    st.builds(Binary, _orders, _numbers, _bounds),
    st.just(Binary("==", Name("s"), Literal("u"))),
    st.just(Has("y")),
)
windows: st.SearchStrategy[Node] = st.one_of(
    st.builds(Window, st.just("count"), st.none(), _seconds, st.none() | filters),
    st.builds(Window, _any(["sum", "avg", "min", "max"]), st.sampled_from(["x", "y"]), _seconds, st.none() | filters),
    st.builds(
        Window,
        _any(["rate", "delta"]),
        _any(["x", "y"]),
        _seconds,
        st.none() | filters,
        by=st.sampled_from([None, "s"]),
    ),
)
absences: st.SearchStrategy[Node] = st.builds(
    Window, st.just("absent"), st.sampled_from(["x", "y", "s"]), _seconds, st.none() | st.none() | filters
)
_simple: st.SearchStrategy[Node] = st.builds(Binary, _orders, _numbers, _bounds)
_window_simple: st.SearchStrategy[Node] = st.builds(Binary, _orders, windows, _bounds)
_terms: st.SearchStrategy[Node] = st.recursive(
    _numbers | _bounds | windows | st.just(Prev("x")) | st.just(Name("total")),
    lambda inner: st.one_of(
        st.builds(Binary, _any(["+", "-", "*", "/", "%"]), inner, inner),
        st.builds(Unary, st.just("-"), inner),
        st.builds(lambda one, two: Call("max", (one, two)), inner, inner),
    ),
    max_leaves=3,
)
_leaves: st.SearchStrategy[Node] = st.one_of(
    _simple,
    _simple,
    _window_simple,
    absences,
    st.builds(Binary, _orders, _terms, _terms),
    st.builds(Binary, _any(["==", "!="]), _terms, _bounds),
    st.builds(Binary, _any(["==", "!="]), st.just(Name("s")), st.sampled_from([Literal("u"), Literal("v"), Prev("s")])),
    st.just(Binary("in", Name("s"), ListOf((Literal("u"), Literal("w"))))),
    st.sampled_from([Has("x"), Has("s"), Name("b"), Literal(True), Literal(None), Name("loud")]),
)


def _combined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Binary, _any(["&&", "||"]), inner, inner),
        st.builds(Unary, st.just("!"), inner),
        st.builds(Ternary, inner, inner, inner),
    )


conditions: st.SearchStrategy[Node] = st.recursive(_leaves, _combined, max_leaves=4)
_where: st.SearchStrategy[Node] = st.one_of(
    st.builds(Binary, st.just("=="), st.just(Name("s")), st.sampled_from([Literal("u"), Literal("v")])),
    st.builds(lambda one: Binary("&&", Binary("==", Name("s"), Literal("u")), one), filters),
    filters,
)


_totals: st.SearchStrategy[Node] = st.sampled_from([Binary("+", Name("x"), Name("y")), Window("sum", "x", 5.0)])


def expr(node: Node) -> Expr:
    """Return *node* with its text."""
    return Expr(to_text(node), node)


_none: st.SearchStrategy[dict[str, Any]] = st.just({})
terms: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _none,
    _none,
    st.fixed_dictionaries(
        {},
        optional={
            "keep": st.sampled_from([1.0, 3.0]),
            "again": st.builds(Again, st.sampled_from([1.0, 4.0]), st.sampled_from([1, 3, 20])),
            "silent": st.builds(Silent, st.sampled_from([2.0, 6.0]), st.sampled_from([Then.END, Then.END, Then.KEEP])),
            "expire": st.sampled_from([2.0, 9.0]),
        },
    ),
)
"""What time alone does to an open incident."""


@st.composite
def each_event_rules(draw: st.DrawFn) -> list[Rule]:
    """Return rules that open for each event by itself."""
    when = draw(st.lists(st.one_of(filters, st.just(Literal(True)), st.just(Name("b"))), max_size=2))
    per = st.sampled_from([("k",), ()])
    each = Opens.EACH_EVENT
    return [
        Rule(id=f"each-{number}", topic=TOPIC, per=draw(per), when=expr(node), opens=each)
        for number, node in enumerate(when)
    ]


@st.composite
def rules(draw: st.DrawFn, condition: st.SearchStrategy[Node] = conditions, most: int = 4) -> list[Rule]:
    """Return a few rules of one topic."""
    made = []
    for number in range(draw(st.integers(1, most))):
        let = {"seen": expr(draw(_terms.filter(lambda node: "total" not in expr(node).names)))}
        let = let if draw(st.booleans()) else {}
        when = draw(condition)
        clear = draw(st.none() | condition)
        names = expr(when).names | (frozenset() if clear is None else expr(clear).names)
        if "total" in names:
            let["total"] = expr(draw(_totals))
        if "loud" in names:
            let["loud"] = expr(draw(_leaves.filter(lambda node: not {"loud", "total"} & expr(node).names)))
        where = draw(st.none() | st.none() | _where)
        made.append(
            Rule(
                id=f"rule-{number}",
                topic=TOPIC,
                per=draw(st.sampled_from([("k",), ("k",), ("k", "s"), ()])),
                where=None if where is None else expr(where),
                let=let,
                when=expr(when),
                clear=None if clear is None else expr(clear),
                hold=draw(st.sampled_from([0.0, 0.0, 1.0, 3.0, 7.5])),
                **draw(terms),
            )
        )
    return made


_items: st.SearchStrategy[Node] = st.one_of(
    st.sampled_from([Binary("==", Name("s"), Literal("u")), Binary("==", Name("s"), Literal("v"))]),
    _simple,
    st.just(Name("b")),
)


def seldom(node: st.SearchStrategy[Node]) -> st.SearchStrategy[Node | None]:
    """Return one in four times a node: ``st.none() | node`` is one of all that *node* is one of."""
    return st.integers(0, 3).flatmap(lambda number: st.none() if number else node)


@st.composite
def sequence_rules(draw: st.DrawFn, topics: Sequence[str] = (TOPIC,), most: int = 3) -> list[Rule]:
    """Return rules that open when one thing after the other happened, in one of *topics* or in several."""
    made = []
    for number in range(draw(st.integers(1, most))):
        count = draw(st.sampled_from([2, 2, 2, 3, 4]))
        items: list[Item] = []
        for at in range(count):
            where = draw(st.none() | _items)
            if items and draw(st.integers(0, 3)) == 0:
                same = Binary("==", Name("x"), Name(f"items.{items[-1].name}.x"))
                where = same if where is None else Binary("&&", where, same)
            topic = TOPIC if at == count - 1 else draw(st.sampled_from(topics))
            items.append(Item(f"i{at}", topic, None if where is None else expr(where)))
        guard = draw(seldom(_items | st.just(Binary(">", Name("x"), Name("items.i0.x")))))
        unless = None if guard is None else Guard(draw(st.sampled_from(topics)), expr(guard))
        clear = draw(st.none() | _simple) if len(topics) == 1 else None
        where, more = draw(seldom(_where)), draw(terms)
        if len(topics) > 1:  # the reader of rules refuses it
            more = {**more, "silent": None}
        made.append(
            Rule(
                id=f"sequence-{number}",
                topic=TOPIC,
                per=draw(st.sampled_from([("k",), ()])),
                where=None if where is None else expr(where),
                when=expr(Literal(value=False)),
                clear=None if clear is None else expr(clear),
                sequence=Sequences(tuple(items), draw(st.sampled_from([2.0, 10.0, 30.0])), unless),
                **more,
            )
        )
    return made


_fields = st.fixed_dictionaries(
    {"k": st.sampled_from(["p", "q"])},
    optional={
        "x": st.sampled_from([-2, -1, 0, 1, 2, 2.5, 3, 5.0, 7, "3", None, True]),
        "y": st.sampled_from([0, 0.0, 1, 2, 3, 4]),
        "s": st.sampled_from(["u", "v", "w"]),
        "b": st.sampled_from([True, False, "yes"]),
    },
)


_full = st.fixed_dictionaries(
    {"k": st.sampled_from(["p", "p", "p", "q"]), "x": st.sampled_from([0, 1, 1, 3]), "s": st.sampled_from(["u", "v"])},
    optional={"y": st.sampled_from([1, 3]), "b": st.just(value=True)},
)
_busy = st.one_of(_full, _full, _full, _fields)
"""Most have what the conditions of items ask for."""


def keepers(found: Sequence[Rule]) -> list[Rule]:
    """Return rules that never fire, and have the engine remember the last event of every entity of *found*.

    Without them it forgets what no window and no timer needs; then a late sample that stands alone in its window
    leaves it unnoticed, where the reference asks the rule again.
    """
    return [
        Rule(
            id=f"keeper-of-{rule.id}",
            topic=rule.topic,
            per=rule.per,
            where=rule.where,
            when=expr(Binary("==", Prev("x"), Literal(99.0))),
        )
        for rule in found
    ]


@st.composite
def events(
    draw: st.DrawFn,
    fields: st.SearchStrategy[dict[str, Any]] = _fields,
    most: int = 25,
    *,
    least: int = 1,
    lates: bool = True,
) -> list[Event]:
    """Return events in the order of their records: mostly onwards in time, some late, some twice, two a record."""
    time, made = 1000.0, list[Event]()
    for number in range(draw(st.integers(least, most))):
        if made and draw(st.integers(0, 15)) == 0:
            made.append(msgspec.structs.replace(draw(st.sampled_from(made)), offset=number // 2))
            continue
        time += draw(st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0, 5.0, 12.0]))
        late = draw(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.5, 2.0, 6.0])) if lates else 0.0
        made.append(Event(str(number), "test", time - late, 5000.0, number // 2, draw(fields)))
    return made


def busy_events(*, lates: bool = True) -> st.SearchStrategy[list[Event]]:
    """Return events as ``events`` does, of which many are the next item of a sequence."""
    return events(_busy, lates=lates, least=6)


def told(changes: Sequence[Change]) -> list[Told]:
    """Return what *changes* come to."""
    return [
        Told(
            change.rule,
            change.entity,
            change.kind,
            change.occurrence,
            change.opened,
            change.decided,
            f"{change.evidence.source}|{change.evidence.id}|{change.evidence.time:.6f}",
            repr(change.evidence.fields),
            repr(change.evidence.let),
            change.round,
            change.because,
        )
        for change in changes
    ]


@st.composite
def batches(draw: st.DrawFn, found: Sequence[Event]) -> list[Sequence[Event]]:
    """Return *found*, cut at random places."""
    cuts = sorted(draw(st.sets(st.integers(0, len(found)), max_size=6)))
    return [found[start:end] for start, end in pairwise([0, *cuts, len(found)])]


LATENESS, ALLOWANCE = 1.0, 8.0
"""Seconds, in place of minutes: so that worlds of a minute hold events that nobody reads again."""


def arriving(found: list[Event]) -> list[Event]:
    """Return *found*, each record arriving when the newest of its events, or of those before it, happened; without what
    comes again so late that nobody knows it.
    """
    newest, arrivals = 0.0, dict[int, float]()
    for event in found:
        newest = arrivals[event.offset] = max(newest, event.time)
    made = [msgspec.structs.replace(event, arrival=arrivals[event.offset]) for event in found]
    return [event for event in made if event.arrival - event.time < LATENESS + ALLOWANCE]


@st.composite
def edits(draw: st.DrawFn, pool: Sequence[Rule]) -> list[Rule]:
    """Return *pool* after an edit: rules are gone, as they were, changed in one part, other ones, or renamed."""
    others = {rule.id: rule for rule in draw(rules())}
    found = []
    for rule in pool:
        other = others.get(rule.id, rule)
        match draw(
            st.sampled_from(["same", "same", "gone", "for", "when", "clear", "where", "other", "name", "terms"])
        ):
            case "same":
                found.append(rule)
            case "for":
                found.append(replace(rule, hold=draw(st.sampled_from([0.0, 1.0, 4.0]))))
            case "when":
                found.append(replace(rule, when=other.when, let={**rule.let, **other.let}))
            case "clear":
                found.append(replace(rule, clear=None))
            case "where":
                found.append(replace(rule, where=other.where))
            case "other":
                found.append(other)
            case "name":
                found.append(replace(rule, id=f"renamed-{rule.id}"))
            case "terms":
                found.append(replace(rule, expire=draw(st.sampled_from([None, 2.0, 9.0]))))
    return found + [rule for rule in others.values() if rule.id not in {each.id for each in pool}]


def in_full(changes: Sequence[Change]) -> list[tuple[Told, str, str]]:
    """Return what *changes* come to, in any order, with all of their evidence."""
    return sorted(
        (each, repr(change.evidence), repr(change.opening)) for each, change in zip(told(changes), changes, strict=True)
    )
