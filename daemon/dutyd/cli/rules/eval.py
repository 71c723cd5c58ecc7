"""``dutyd rules eval``: what an expression comes to on an event, before it goes into a rule.

One expression and one event, or with ``--batch`` a file of both, a line each; then every line is answered, whatever is
wrong with another.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from dutyd.cli.failures import Exit, read_file
from dutyd.cli.options import AsJson
from dutyd.core.errors import BadInputError, SettingsError

Expression = Annotated[
    str | None, typer.Argument(metavar="EXPR", help="As it would stand in a rule.", show_default=False)
]
EventFile = Annotated[
    Path | None,
    typer.Option(
        "--event",
        metavar="FILE",
        help="A JSON object, or an array: windows and prev see all, the last one is asked.",
        show_default=False,
    ),
]
Batch = Annotated[
    Path | None,
    typer.Option("--batch", metavar="FILE", help='Lines of {"expr": ..., "event": ...}.', show_default=False),
]


class _Task(msgspec.Struct):
    expr: str
    event: msgspec.Raw


_task = msgspec.json.Decoder(_Task)
_NOT_IN_THE_EXPRESSION = 0
"""The column of what is wrong with a line or its event."""


def eval_(expression: Expression = None, event: EventFile = None, batch: Batch = None, as_json: AsJson = False) -> None:
    """Say what an expression comes to on an event, or why it is unknown."""
    if batch is not None and expression is None and event is None:
        for answer in _answers(batch):
            typer.echo(msgspec.json.encode(answer).decode() if as_json else _told(answer))
        return
    if expression is None or event is None or batch is not None:
        raise SettingsError("say either EXPR and --event FILE, or --batch FILE")
    answer = _answer(expression, read_file(event))
    if as_json:
        typer.echo(msgspec.json.encode(answer).decode())
    elif "error" in answer:
        _point(expression, answer)
    else:
        typer.echo(_told(answer))
    if "error" in answer:
        raise typer.Exit(Exit.BAD_RULE if answer["column"] else Exit.WRONG_USE)


def _answers(batch: Path) -> Iterator[dict[str, Any]]:
    from dutyd.rules.rehearsal.event_files import read_lines

    for line in read_lines(read_file(batch).splitlines()):
        try:
            task = _task.decode(line.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            message = f'line {line.offset} is no {{"expr": TEXT, "event": OBJECT}}: {error}'
            yield {"error": message, "column": _NOT_IN_THE_EXPRESSION}
        else:
            yield _answer(task.expr, bytes(task.event))


def _answer(text: str, event: bytes) -> dict[str, Any]:
    from dutyd.core.expr import ExpressionError
    from dutyd.rules.rehearsal.event_files import read_document
    from dutyd.rules.rehearsal.trial import Value, checked, try_on

    try:
        found = try_on(checked(text), read_document(event))
    except ExpressionError as error:
        return {"error": f"{error.message}: {error.hint}", "column": error.column}
    except BadInputError as error:
        return {"error": f"the event can't be read: {error}", "column": _NOT_IN_THE_EXPRESSION}
    return {"value": found.value} if isinstance(found, Value) else {"unknown": found.why}


def _told(answer: dict[str, Any]) -> str:
    from dutyd.core.expr import number_text

    if "value" not in answer:
        column = f" (column {answer['column']})" if answer.get("column") else ""
        return f"unknown: {answer['unknown']}" if "unknown" in answer else f"error{column}: {answer['error']}"
    value = answer["value"]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return number_text(value) if is_number else msgspec.json.encode(value).decode()


def _point(expression: str, answer: dict[str, Any]) -> None:
    """Print what is wrong, and under the expression a caret where."""
    from dutyd.rules.problems import caret

    shown = caret(expression, answer["column"]) if answer["column"] else []
    typer.echo("\n".join([_told(answer), *shown]), err=True)
