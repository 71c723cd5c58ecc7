"""``dutyd run``: the daemon itself, in this process until SIGTERM or SIGINT."""

from typing import Annotated, Literal

import typer

from dutyd.cli.options import DEFAULT_SETTINGS, SettingsFile, duration

RoleName = Annotated[
    Literal["evaluator", "worker", "all"],
    typer.Option("--role", help="Judge events, act on incidents, or both."),
]
Idle = Annotated[
    float | None,
    typer.Option(
        "--until-idle",
        metavar="DURATION",
        parser=duration,
        help="Exit 0 once nothing was left to do for this long (10s).",
        show_default=False,
    ),
]


def run(settings: SettingsFile = DEFAULT_SETTINGS, role: RoleName = "all", until_idle: Idle = None) -> None:
    """Watch, decide, act: until stopped."""
    import logging

    from dutyd.app.service import Role, serve
    from dutyd.cli.places import read_settings
    from dutyd.ops.logging import configure_logging

    configure_logging(logging.INFO)
    serve(read_settings(settings), Role(role), until_idle)
