"""The people of a simulated world: they approve, deny and edit calls that wait for them, now and then."""

import contextlib
from typing import Any, NamedTuple

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import provider_key
from dutyd.ledger import Ledger
from dutyd.ledger.decisions import Decided
from dutyd.ledger.effects import Effect, MoneyLimitsMicros, args_hash
from support.simulation.world import World


class Call(NamedTuple):
    """An exact call, as a person makes it of another."""

    args: dict[str, Any]
    hash: str
    micros: int = 0
    limits: MoneyLimitsMicros = MoneyLimitsMicros()


async def decide(ledger: Ledger, world: World, approved: set[tuple[str, str]], share: float) -> None:
    """Have people decide a *share* of the calls that wait.

    What they agree to is put into *approved*: the provider's key and the title.
    """
    for effect in await ledger.effects.awaiting_approval():
        if world.chance.random() < share:
            with contextlib.suppress(NotReadyError):  # the ledger is not whole: they decide another time
                await _decide(ledger, world, approved, effect)


async def _decide(ledger: Ledger, world: World, approved: set[tuple[str, str]], effect: Effect) -> None:
    decisions, key, dice = ledger.decisions, effect.key, world.chance.random()
    title = str(effect.args.get("title"))
    if dice < 0.6:
        if await decisions.approve(key, effect.args_hash, "ana") is Decided.DONE:
            approved.add((provider_key(key), title))
    elif dice < 0.8:
        await decisions.deny(key, effect.args_hash, "ana", "no")
    else:
        args = {**effect.args, "title": f"{title}+"}
        await decisions.edit(key, effect.args_hash, Call(args, args_hash(effect.tool, args)), "bob")
        world.faults["edit"] += 1
