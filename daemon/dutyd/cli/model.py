"""``dutyd model check``: one real question to the model endpoint, and what it took.

Exit code 1 where decided steps would take their fallback. The key is never shown, also not where a host repeats it.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, duration
from dutyd.cli.render import plain, print_json
from dutyd.core.errors import SettingsError
from dutyd.core.secrets import masked

if TYPE_CHECKING:
    from dutyd.act.agent.trial import Trial
    from dutyd.settings.endpoint import ModelSettings

model = typer.Typer(no_args_is_help=True, help="Try the model endpoint.")

PATIENCE = 60.0

Patience = Annotated[
    float | None,
    typer.Option(
        "--patience", metavar="DURATION", parser=duration, help="How long it may take (60s).", show_default=False
    ),
]


@model.callback()
def _group() -> None:
    """Try the model endpoint."""


@model.command()
def check(settings: SettingsFile = DEFAULT_SETTINGS, patience: Patience = None, as_json: AsJson = False) -> None:
    """Ask one real question: is the key good, the model there, a call well-formed, and what does it take."""
    from dutyd.cli.places import read_settings

    asked = read_settings(settings).model
    if asked is None:
        raise SettingsError("there is no `model` in the settings: decided steps take their fallback")
    row = _row(asked, asyncio.run(_try(asked, patience or PATIENCE)))
    if as_json:
        print_json(row)
    else:
        _tell(row)
    if not row["ok"]:
        raise typer.Exit(Exit.FINDINGS)


async def _try(asked: "ModelSettings", patience: float) -> "Trial":
    from dutyd.act.agent.client import Client
    from dutyd.act.agent.trial import try_model
    from dutyd.app.endpoint import endpoint_of

    client = Client(endpoint_of(asked))
    try:
        return await try_model(client, patience, time.monotonic)
    finally:
        await client.close()


def _row(asked: "ModelSettings", trial: "Trial") -> dict[str, Any]:
    answer = trial.answer
    row = {
        "ok": not trial.problem,
        "base_url": asked.base_url,
        "model": asked.name,
        "answered_by": answer.model if answer else None,
        "problem": trial.problem,
        "noticed": trial.noticed,
        "what_to_do": trial.what_to_do,
        "latency_seconds": round(trial.seconds, 3),
        "prompt_tokens": answer.prompt_tokens if answer else None,
        "completion_tokens": answer.completion_tokens if answer else None,
        "cost_usd": trial.usd,
        "trace": answer.trace if answer else None,
    }
    return {name: masked(value) if isinstance(value, str) else value for name, value in row.items()}


def _tell(row: dict[str, Any]) -> None:
    colour = typer.colors.GREEN if row["ok"] else typer.colors.RED
    typer.secho("fine  " if row["ok"] else "wrong ", nl=False, fg=colour, bold=True)
    typer.echo(f"'{row['model']}' at {row['base_url']}: {plain(row['problem'] or 'its call is well-formed')}")
    if row["noticed"]:
        typer.echo(f"      {plain(row['noticed'])}")
    if row["what_to_do"]:
        typer.echo(f"      -> {plain(row['what_to_do'])}")
    if row["answered_by"] is None:
        typer.echo(f"      after {row['latency_seconds']:.1f} s")
        return
    cost = "cost unknown: set model.price" if row["cost_usd"] is None else f"{row['cost_usd']:.6f} USD"
    tokens = f"tokens: {plain(row['prompt_tokens'])} sent, {plain(row['completion_tokens'])} back"
    typer.echo(f"      answered by {plain(row['answered_by'])} in {row['latency_seconds']:.1f} s; {tokens}; {cost}")
