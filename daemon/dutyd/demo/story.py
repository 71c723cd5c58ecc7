"""The demo from beginning to end: the scenes in order, their stages, and the sentence that each one's numbers prove.

Called by ``dutyd demo``. Yields after each scene, so that the command can print as it goes.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from dutyd.demo import scenes
from dutyd.demo.scenes import Numbers, Show
from dutyd.demo.stage import Play, Stage
from dutyd.embedded.standin.script import Script, ScriptedAnswer, ScriptedCall
from dutyd.embedded.valkey import join_or_start

EVENTS = 12_000
FAST_EVENTS = 3_000

METRICS = {"metrics": {"partitioned_by": ["service"]}}
STOCK = {"stock": {"partitioned_by": ["sku"]}}
SILENT = Script()
OBEDIENT = Script(
    answers=(
        ScriptedAnswer(
            when="order 9999",
            calls=(
                ScriptedCall(name="order", arguments={"quantity": scenes.HOSTILE_QUANTITY}),
                ScriptedCall(name="resolve_alert", arguments={"alert": "1"}),
            ),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene.

    Attributes:
        name: as in the JSON line.
        title: what it is about, one line.
        play: plays it on an open stage and counts.
        good: whether the numbers are what dutyd promises.
        proof: what they prove, one line with the numbers in it.

    """

    name: str
    title: str
    rules: tuple[str, ...]
    topics: Mapping[str, Any]
    play: Callable[[Stage, Show], Numbers]
    good: Callable[[Numbers], bool]
    proof: str
    script: Script = SILENT


@dataclass(frozen=True, slots=True)
class Told:
    """One scene, played: its numbers and where its back office's page was kept."""

    scene: Scene
    numbers: Numbers

    @property
    def good(self) -> bool:
        """Whether the numbers are what dutyd promises."""
        return self.scene.good(self.numbers)


def all_scenes(events: int) -> tuple[Scene, ...]:
    """Return the scenes; *events* is how large the storm is."""
    count = len(scenes.SERVICES)
    return (
        Scene(
            "storm",
            f"STORM: {events:,} error events from {count} services",
            ("high-priority-alert.yaml",),
            METRICS,
            lambda stage, show: scenes.storm(stage, show, events),
            lambda n: n["incidents"] == n["pages"] == n["tickets"] == n["runs"] == count,
            "{events:,} events: {incidents} incidents, {pages} pages, {tickets} tickets, {runs} agent runs",
        ),
        Scene(
            "crash",
            "CRASH: the daemon is killed between send and record",
            ("high-priority-alert.yaml",),
            METRICS,
            scenes.crash,
            lambda n: n["doubled"] == n["missing"] == 0 and n["seen"] == n["expected"],
            "{kills} kills: {expected} effects expected, {seen} seen, {doubled} doubled, {missing} missing",
        ),
        Scene(
            "hostile",
            "HOSTILE: an event's text gives orders, and the model obeys it",
            ("hostile.yaml",),
            STOCK,
            scenes.hostile,
            lambda n: n["paged"] == 1 and n["refused"] > 0 and n["outside_grant"] == 0,
            "{paged} page went out, {refused} calls refused by the gateway, {outside_grant} effects outside the grant",
            OBEDIENT,
        ),
        Scene(
            "money",
            "MONEY: low stock across SKUs",
            ("low-stock-warning.yaml",),
            STOCK,
            scenes.money,
            lambda n: n["drafts"] > 0 and n["awaiting_approval"] > 0,
            "{drafts} orders drafted, {awaiting_approval} too expensive: they wait for a person",
        ),
    )


def tell(events: int, stream: str | None, folder: Path, announce: Show, show: Show) -> Iterator[Told]:
    """Play the scenes one after the other in *folder*; *announce* is told each title, *show* how it goes."""
    server = join_or_start(folder / "valkey")
    try:
        for scene in all_scenes(events):
            announce(scene.title)
            rules = {name: _rule_file(name) for name in scene.rules}
            play = Play(folder / scene.name, server.url, stream, rules, scene.topics, scene.script)
            with Stage(play) as stage:
                yield Told(scene, scene.play(stage, show))
    finally:
        server.stop()


@contextmanager
def stage_folder(keep: Path | None) -> Iterator[Path]:
    """Yield the folder to play in: *keep*, or one that is gone afterwards."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="dutyd-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rule_file(name: str) -> str:
    """Return a rule file: the demo's own, or a shipped sample (in a checkout they stand in ``rules/``)."""
    package = files("dutyd")
    checkout = Path(str(package)).parents[1] / "rules"
    places = (package / "demo" / "rules" / name, package / "sample_rules" / name, checkout / name)
    return next(place.read_text(encoding="utf-8") for place in places if place.is_file())
