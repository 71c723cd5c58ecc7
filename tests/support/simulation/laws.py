"""What must hold when a simulated world has come to rest: what the ledger says is so, and nothing is done twice."""

from collections.abc import Iterator
from dataclasses import dataclass

from dutyd.core.incident import EffectState, provider_key, round_of
from dutyd.core.tool import ProviderClass
from dutyd.ledger.effects import Effect
from support.simulation.run import Run
from support.simulation.world import Kind, World

PARKS = Kind(ProviderClass.C)


@dataclass(frozen=True)
class End:
    """What a run came to.

    Attributes:
        wrong: which laws its end breaks.
        parked: effects that a person must look at.
        needless: those of them of which no request ever left: nobody can know that any more.

    """

    wrong: list[str]
    parked: int
    needless: int


async def end_of(run: Run) -> End:
    """Hold the end of *run* against the laws."""
    effects = await run.ledger.effects.of(run.opening.incident)
    parked = [effect for effect in effects if effect.state is EffectState.PARKED]
    needless = sum(provider_key(effect.key) not in run.world.left for effect in parked)
    wrong = [*run.wrong, *_twice(run.world), *_unasked(run), *_ended(run, effects), *_lost(run, effects)]
    wrong += [each for effect in effects for each in _untrue(run, effect)]
    wrong += [f"stuck: {name!r}" for name in await run.ledger.scripts.client.smembers(run.ledger.scripts.key("stuck"))]
    return End(wrong, len(parked), needless)


def _twice(world: World) -> Iterator[str]:
    if world.kind.if_unsure != "repeat":
        yield from (f"{key} was done {len(times)} times" for key, times in world.done.items() if len(times) > 1)


def _unasked(run: Run) -> Iterator[str]:
    """Yield what was done, and needed a person's agreement to exactly that."""
    for number in range(1, run.round + 1):
        key = provider_key(f"{run.opening.incident}/second" + (f"/r:{number}" if number > 1 else ""))
        for body in run.world.bodies.get(key, ()):
            if run.opening.rule == "asked" and (key, body["title"]) not in run.approved:
                yield f"second of round {number} was done as {body['title']!r}, and nobody agreed to that"


def _ended(run: Run, effects: list[Effect]) -> Iterator[str]:
    """Yield effects whose state is no end for them."""
    for effect in effects:
        ends = {EffectState.DONE}
        refusable = run.cleared or run.world.kind.if_unsure == "skip" or run.world.kind == PARKS
        if refusable or run.opening.rule == "asked" or round_of(effect.key) < run.round:
            ends.add(EffectState.REFUSED)
        if run.world.kind == PARKS:
            ends.add(EffectState.PARKED)
        if effect.state not in ends:
            yield f"{effect.key} ended as {effect.state} ({effect.reason})"


def _lost(run: Run, effects: list[Effect]) -> Iterator[str]:
    """Yield what was never begun: of the newest round each step ends, somehow, unless it cleared."""
    newest = {effect.step: effect.state for effect in effects if round_of(effect.key) == run.round}
    if run.cleared:
        return
    if "first" not in newest:
        yield f"round {run.round} was lost"
    elif newest["first"] is EffectState.DONE and "second" not in newest:
        yield "the second step was lost"


def _untrue(run: Run, effect: Effect) -> Iterator[str]:
    """Yield what the ledger says of *effect* and is not so.

    That people agreed to it may be lost with Redis: then what was sent because of that may be refused.
    """
    world, key = run.world, provider_key(effect.key)
    executed = bool(world.done.get(key))
    lost = world.faults["older Redis"] + world.faults["empty Redis"] > 0
    forgotten = lost and any(agreed == key for agreed, _ in run.approved)
    if effect.state is EffectState.DONE and not executed:
        yield f"{effect.key} is told as done, and is not"
    if effect.state is EffectState.REFUSED and executed and not forgotten and world.kind.cls is not ProviderClass.C:
        yield f"{effect.key} is told as refused ({effect.reason}), and was done"
    if effect.state is EffectState.REFUSED and not effect.reason:
        yield f"{effect.key} is refused for no reason"
