"""Options and arguments that several commands share, so that they have one name and one help text."""

from pathlib import Path
from typing import Annotated

import typer

from dutyd.core.duration import parse_duration
from dutyd.core.errors import SettingsError

SettingsFile = Annotated[
    Path,
    typer.Option("--settings", metavar="FILE", envvar="DUTYD_SETTINGS", help="The settings of the installation."),
]
DEFAULT_SETTINGS = Path("dutyd.yaml")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
Who = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; it is written down.", show_default=False)]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="A reason, written down beside the name.")]
Because = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="Why; it is written down beside the name.", show_default=False)
]
OptionalSettings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", envvar="DUTYD_SETTINGS", help="Check against these, too."),
]


def duration(text: str) -> float:
    """Return the duration that an option says, in seconds; the usage error of one that can't be read says how."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def pair_of(option: str, text: str, such_as: str) -> tuple[str, str]:
    """Return the name and the value that *text*, given to *option*, is made of; *such_as* shows how it is written.

    Raises:
        SettingsError: it is no such pair.

    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingsError(f"{option} {text}: write {such_as}")
    return name, value
