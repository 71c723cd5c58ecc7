"""Every example of the page about the language comes to what stands behind it, by the engine that rules run on."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from dutyd.core.duration import parse_duration
from dutyd.core.event import Event
from dutyd.core.expr import Expr, evaluate, parse
from dutyd.core.expr.calls import NAMES
from dutyd.core.expr.tables import bind
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import State, judge, peek, plan
from dutyd.rules.syntax.source import SourceFile
from dutyd.rules.tables import read_tables
from support.pages import Block, blocks

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "language.md"
FOUND = [block for block in blocks(PAGE) if block.language == "eval"]


def examples(block: Block) -> tuple[list[Event], list[tuple[str, str]]]:
    events: list[Event] = []
    asked: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        told = re.fullmatch(r"(?:(\w+)\s+)?(\{.*\})", line)
        if told is not None:
            time = 1_800_000_000.0 + (parse_duration(told[1]) if told[1] else 0.0)
            events.append(Event(f"e{len(events)}", "docs", time, time, len(events), msgspec.json.decode(told[2])))
        else:
            text, _, value = line.rpartition(" -> ")
            asked.append((text, value))
    return events, asked


def tables_of_the_rules_page() -> dict[str, SourceFile]:
    files = {block.file: block.text for block in blocks(DOCS / "values.md") if block.language == "csv"}
    return {name: SourceFile(name, text) for name, text in files.items()}


def value_of(text: str, events: list[Event]) -> object | None:
    """Return what *text* comes to at the last of *events*, as the ``let`` of a rule and as its ``when``."""
    expr = bind(parse(text), read_tables(tables_of_the_rules_page()))
    rule = Rule(id="r", topic="t", when=Expr(expr.text, expr.root), let={"it": expr})
    made, state = plan([rule]), State()
    opened = judge(made, state, "t", events)
    value = evaluate(made.rules["r"].let["it"], peek(state, "r", events[-1]))
    firing = bool(state.latches["r"])
    assert firing == (value is True) or len(opened) > 1 or value is None
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("block", FOUND, ids=lambda block: f"line {block.line}")
def test_what_an_example_says_is_so(block: Block) -> None:
    events, asked = examples(block)
    assert asked
    for text, said in asked:
        value = value_of(text, events)
        expected = None if said == "unknown" else json.loads(said)
        assert value == expected, f"{text}: {value}"
        assert isinstance(value, bool) == isinstance(expected, bool), text


def test_every_function_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = "\n".join(block.text for block in FOUND)
    assert [name for name in NAMES if f"`{name}(" not in text and name not in ("min", "max")] == []
    assert [name for name in NAMES if f"{name}(" not in shown] == []
