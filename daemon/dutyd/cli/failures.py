"""An error as one message on standard error, and the exit code that scripts rely on.

Called by ``main`` alone, with whatever a command raised. Errors of the project explain themselves; anything else is a
defect and says so. Tracebacks are for ``--debug``.
"""

import sys
import traceback
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from dutyd.core.errors import BadInputError, DutydError, SettingsError


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    FINE = 0
    FINDINGS = 1  # something needs a person: a check failed, a server does not answer
    BAD_RULE = 2
    WRONG_USE = 3  # wrong usage, settings or input


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Tells failures; with *debug* the traceback comes first."""

    debug: bool = False

    def tell(self, error: Exception) -> int:
        """Print *error* and return its exit code."""
        if self.debug:
            traceback.print_exception(error)
        if isinstance(error, TyperException):
            return self._tell_usage(error)
        if isinstance(error, typer.Abort):
            say("stopped")
            return Exit.FINDINGS
        if isinstance(error, DutydError):
            say(str(error))
            return code_of(error)
        say(f"this should not happen: {type(error).__name__}: {error}")
        if not self.debug:
            typer.echo("  It is a defect of dutyd. The same command with --debug shows where it was.", err=True)
        return Exit.FINDINGS

    def _tell_usage(self, error: TyperException) -> int:
        context = getattr(error, "ctx", None)
        message = error.format_message()
        if message:  # empty where a bare group has already shown its help
            say(message)
            if context is not None:
                typer.echo(f"  {context.get_usage()}\n  Help: {context.command_path} --help", err=True)
        return Exit.WRONG_USE


def say(message: str) -> None:
    """Print *message* on standard error behind the program's name."""
    typer.secho("dutyd: ", err=True, nl=False, bold=True, fg=typer.colors.RED)
    typer.echo(message, err=True)


def leave(message: str) -> NoReturn:
    """Say *message*, which a person should read, and end the command."""
    say(message)
    raise typer.Exit(Exit.FINDINGS)


def code_of(error: DutydError) -> Exit:
    """Return the exit code for an error of the project."""
    from dutyd.core.expr import ExpressionError
    from dutyd.rules.problems import RuleErrors

    if isinstance(error, RuleErrors | ExpressionError):
        return Exit.BAD_RULE
    return Exit.WRONG_USE if isinstance(error, SettingsError | BadInputError) else Exit.FINDINGS


def read_file(file: Path) -> bytes:
    """Return what *file* holds; ``-`` is standard input. Raises SettingsError."""
    try:
        return sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
    except OSError as error:
        raise SettingsError(f"can't read {file}: {error.strerror}") from error
