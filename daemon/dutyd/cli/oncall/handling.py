"""``dutyd incidents note|ack|close``: what people say of an incident, written down with their name.

They need Redis and the settings, no running daemon. Importing this module puts them into the group ``incidents``.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from dutyd.cli.failures import leave
from dutyd.cli.oncall.incidents import Incident, incidents, the_incident
from dutyd.cli.options import DEFAULT_SETTINGS, Because, SettingsFile, Who
from dutyd.cli.render import plain, short
from dutyd.core.incident import Trigger

if TYPE_CHECKING:
    from dutyd.ledger.decisions import Decided, Decisions

__all__ = ["incidents"]

Decision = Callable[["Decisions", Trigger], "Awaitable[Decided]"]


@incidents.command()
def note(incident: Incident, who: Who, because: Because, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Write a line into an incident, for whoever looks at it next."""
    _handle(settings, incident, "noted", lambda of, trigger: of.note(trigger.incident, who, because))


@incidents.command()
def ack(incident: Incident, who: Who, because: Because, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Say that somebody has it in hand: no further round is acted on while it lasts."""
    _handle(settings, incident, "acknowledged", lambda of, trigger: of.acknowledge(trigger.incident, who, because))


@incidents.command()
def close(incident: Incident, who: Who, because: Because, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """End an incident: `on_clear` runs. Where its condition is still true, the next event opens another."""
    now = time.time()  # noqa: TID251  # the edge: when a person decided
    _handle(settings, incident, "closed", lambda of, trigger: of.close(trigger, who, because, now))


def _handle(settings: Path, incident: str, done: str, decision: Decision) -> None:
    from dutyd.cli.places import ask_ledger_of, open_world
    from dutyd.ledger.decisions import Decided

    with open_world(settings) as world:
        row = the_incident(incident, lambda question: ask_ledger_of(world, question))
        trigger = msgspec.convert(row["trigger"], Trigger)
        decided = ask_ledger_of(world, lambda ledger: decision(ledger.decisions, trigger))
    what = f"{row['rule']} {plain(row['entity'])} ({short(row['id'])})"
    if decided is not Decided.DONE:
        leave(f"too late: the incident of {what} is {row['state']}")
    typer.echo(f"{done}: {what}")
