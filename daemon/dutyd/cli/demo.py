"""``dutyd demo``: four scenes on real parts, with numbers; no question asked, nothing to install."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from dutyd.demo.story import Told

Fast = Annotated[bool, typer.Option("--fast", help="A smaller storm.")]
AsJson = Annotated[bool, typer.Option("--json", help="End with one JSON line of all numbers.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the files of all scenes, and say where.")]
StreamUrl = Annotated[
    str | None,
    typer.Option("--stream", metavar="URL", help="Play on this broker (kafka://host:9092).", show_default=False),
]


def demo(fast: Fast = False, json: AsJson = False, keep: Keep = False, stream: StreamUrl = None) -> None:
    """Play a storm, a crash, a hostile text and a purchase, and count."""
    import logging
    import tempfile

    from rich.console import Console

    from dutyd.demo.story import EVENTS, FAST_EVENTS
    from dutyd.ops.logging import configure_logging

    configure_logging(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # requests that a scene left in the air are no trouble
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("Everything here is embedded: Valkey, a back office, a stand-in for the model (no model is asked).")
    kept = Path(tempfile.mkdtemp(prefix="dutyd-demo-")) if keep else None
    told = _play(console, FAST_EVENTS if fast else EVENTS, stream, kept)
    if kept:
        console.print(f"Kept in {kept}: settings, rules, logs and the back office's database of each scene.")
    if json:
        import msgspec

        typer.echo(msgspec.json.encode({scene.scene.name: scene.numbers for scene in told}).decode())
    if not all(scene.good for scene in told):
        raise typer.Exit(1)


def _play(console: "Console", events: int, stream: str | None, kept: Path | None) -> "list[Told]":
    """Play all scenes, a storm of *events* among them, and print each as it ends."""
    from dutyd.demo.story import stage_folder, tell

    told: list[Told] = []
    with stage_folder(kept) as folder, console.status("starting") as status:

        def show(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(f"  {text}")

        def announce(title: str) -> None:
            console.print(f"[bold]{title}[/bold]")
            status.update("starting")

        for scene in tell(events, stream, folder, announce, show):
            told.append(scene)
            mark = "[green]ok[/green]" if scene.good else "[red]NOT AS PROMISED[/red]"
            console.print(f"  {scene.scene.proof.format(**scene.numbers)}  {mark}")
    return told
