"""Tables for people, JSON for programs. What is shown may come from events, so it can't steer the terminal.

Called by commands with plain rows.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

SHORT = 10
"""Characters of an id that tables show."""

WIDE = 1000
"""Columns where the output is no terminal: nothing is cut or folded for a reader that is a program."""


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], nothing: str) -> None:
    """Print *rows* as a table of *columns*, or *nothing* where there are none."""
    if not rows:
        typer.echo(nothing)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(row.get(column))) for column in columns))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function that shows how much of *what* is done, on a terminal; elsewhere it does nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def short(key: str) -> str:
    """Return an incident's id, or an effect's key, with as much of the id as people need to tell it from others.

    Commands take it as it is shown.
    """
    incident, slash, rest = key.partition("/")
    return f"{incident[:SHORT]}{slash}{rest}"


def plain(value: object) -> str:
    """Return *value* as text that a terminal shows and never obeys."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        text = ", ".join(f"{name}={plain(inner)}" for name, inner in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(f"({plain(inner)})" if isinstance(inner, Mapping) else plain(inner) for inner in value)
    else:
        text = str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def printable(line: str) -> str:
    """Return a line of text with its indent, as a terminal shows and never obeys it."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + plain(line[indent:])


def counted(number: int, what: str) -> str:
    """Return ``1 rule``, ``12,000 records``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
