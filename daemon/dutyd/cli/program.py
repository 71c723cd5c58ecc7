"""The program: every command and group, in the order in which people need them.

Made by ``main``; ``docs`` tests walk through it, too. Command modules are light: what a command needs is imported when
it runs.
"""

from typing import Annotated

import typer

from dutyd import __version__
from dutyd.cli.demo import demo
from dutyd.cli.doctor import doctor
from dutyd.cli.model import model
from dutyd.cli.oncall.approvals import approvals
from dutyd.cli.oncall.deadletters import deadletters
from dutyd.cli.oncall.handling import incidents
from dutyd.cli.oncall.pause import pause, resume
from dutyd.cli.oncall.settling import effects
from dutyd.cli.oncall.silences import silences
from dutyd.cli.oncall.why import why
from dutyd.cli.publish import publish
from dutyd.cli.rules.group import rules
from dutyd.cli.run import run
from dutyd.cli.servers import backoffice, standin
from dutyd.cli.state import state

RUN, LOOK, TRY = "Run", "Look and decide", "Try things"

EPILOG = "Exit codes: 0 fine, 1 something needs a person, 2 a rule is wrong, 3 wrong usage, settings or input."


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dutyd {__version__}")
        raise typer.Exit


def program() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG)
    app.callback()(_root)
    app.command(rich_help_panel=RUN)(run)
    app.command(rich_help_panel=RUN)(doctor)
    app.add_typer(model, name="model", rich_help_panel=RUN)
    app.add_typer(rules, name="rules", rich_help_panel=RUN)
    app.add_typer(state, name="state", rich_help_panel=RUN)
    app.command(rich_help_panel=LOOK)(why)
    app.add_typer(incidents, name="incidents", rich_help_panel=LOOK)
    app.add_typer(effects, name="effects", rich_help_panel=LOOK)
    app.add_typer(approvals, name="approvals", rich_help_panel=LOOK)
    app.add_typer(silences, name="silences", rich_help_panel=LOOK)
    app.add_typer(deadletters, name="deadletters", rich_help_panel=LOOK)
    app.command(rich_help_panel=LOOK)(pause)
    app.command(rich_help_panel=LOOK)(resume)
    app.command(rich_help_panel=TRY)(demo)
    app.command(rich_help_panel=TRY)(publish)
    app.command(rich_help_panel=TRY)(backoffice)
    app.command(rich_help_panel=TRY)(standin)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """Watch a company's numbers on Kafka, decide by rules, act once."""
