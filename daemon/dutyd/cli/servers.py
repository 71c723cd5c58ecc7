"""``dutyd backoffice`` and ``dutyd standin``: the embedded servers as commands of their own.

For trying things and for tests; a daemon without providers brings its own back office.
"""

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on this machine; 0 takes a free one.")]
Database = Annotated[Path, typer.Option("--db", metavar="FILE", help="Its SQLite file, made where it is missing.")]
ScriptFile = Annotated[
    Path | None,
    typer.Option("--script", metavar="FILE", help="What it says and which faults it plays.", show_default=False),
]


def backoffice(port: Port = 8081, db: Database = Path("backoffice.db")) -> None:
    """Serve a small back office: tickets, orders, alerts, messages."""
    from dutyd.embedded.backoffice import serve
    from dutyd.ops.logging import configure_logging

    configure_logging()
    serve(port, db)


def standin(port: Port = 8082, script: ScriptFile = None) -> None:
    """Serve an honest stand-in for a model endpoint: no model is behind it."""
    from dutyd.embedded.standin import serve
    from dutyd.embedded.standin.script import Script, read_script
    from dutyd.ops.logging import configure_logging

    configure_logging()
    serve(port, Script() if script is None else read_script(script))
