"""Hold what happened in a rule test against what was expected, and say the difference so that it can be mended.

Pure; called by ``testing``. Each difference is one line with what was expected and what there was.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dutyd.core.expr.text import duration_text
from dutyd.core.incident import EffectState
from dutyd.rules.rehearsal.actor import Done
from dutyd.rules.testing.expectations import Deed, Expected, Moment, Page
from dutyd.rules.testing.playing import Played, Shown, Turn

E = TypeVar("E")
G = TypeVar("G")

_EARLY = 1e-6  # seconds: times of events are doubles


def differences(expected: Expected, played: Played) -> tuple[str, ...]:
    """Return one line for each thing that is missing or should not be; none: the test passed."""
    return (
        *_compared("an opening", expected.opens, played.opens, _is_opening, _opening, _turn),
        *_compared("a clear", expected.clears, played.clears, _is_moment, _moment, _turn),
        *_compared("an effect", expected.effects, played.effects, _is_deed, _deed, _done),
        *_compared("a page", expected.pages, played.pages, _is_page, _page, _shown),
    )


def seen(played: Played) -> tuple[str, ...]:
    """Return one line for each thing that happened, with the values it was decided by."""
    return (
        *(f"opened {_turn(turn)}: {_pairs(turn.values)}" for turn in played.opens),
        *(f"cleared {_turn(turn)}: {_pairs(turn.values)}" for turn in played.clears),
        *(f"{_shown(page)}" for page in played.pages),
        *(f"effect {_done(done)}" for done in played.effects),
        *(f"refused to the model: {message}" for message in played.said),
    ) or ("nothing happened",)


def first_difference(expected: Expected, played: Played) -> Moment:
    """Return when and for whom it first went another way; a part that can't be told is None."""
    found: list[Moment] = []
    for moments, turns, fits in (
        (expected.opens, played.opens, _is_opening),
        (expected.clears, played.clears, _is_moment),
    ):
        missing, left = _unmatched(moments, turns, fits)
        found += [*missing, *(Moment(turn.entity, turn.at) for turn in left)]
    found = found or [Moment(turn.entity, turn.at) for turn in played.opens]
    return min(found, key=lambda moment: math.inf if moment.at is None else moment.at, default=Moment(None, None))


def _unmatched(expected: Sequence[E] | None, got: Sequence[G], fits: Callable[[E, G], bool]) -> tuple[list[E], list[G]]:
    """Return what is missing, and what is left over; nothing where nothing was expected to be told."""
    if expected is None:
        return [], []
    left = list(got)
    missing: list[E] = []
    for one in expected:
        found = next((index for index, other in enumerate(left) if fits(one, other)), None)
        if found is None:
            missing.append(one)
        else:
            del left[found]
    return missing, left


def _compared(  # what is compared, and how each side is told
    what: str,
    expected: Sequence[E] | None,
    got: Sequence[G],
    fits: Callable[[E, G], bool],
    word: Callable[[E], str],
    got_word: Callable[[G], str],
) -> Iterator[str]:
    missing, left = _unmatched(expected, got, fits)
    there = "; ".join(got_word(one) for one in got) or "none"
    yield from (f"expected {what} {word(one)}; got: {there}" for one in missing)
    yield from (f"did not expect {what} {got_word(one)}" for one in left)


def _is_moment(expected: Moment, got: Turn) -> bool:
    at_fits = expected.at is None or abs(expected.at - got.at) < _EARLY
    return at_fits and (expected.entity is None or expected.entity.items() <= got.entity.items())


def _is_opening(expected: Moment, got: Turn) -> bool:
    muted = expected.muted is None or expected.muted in (", then ".join(got.muted), *got.muted)
    begun = expected.begun is None or (got.begun is not None and abs(expected.begun - got.begun) < _EARLY)
    return _is_moment(expected, got) and muted and begun and expected.braked in (None, got.braked)


def _is_page(expected: Page, got: Shown) -> bool:
    at_fits = expected.at is None or abs(expected.at - got.at) < _EARLY
    return at_fits and expected.kind in (None, got.kind) and expected.members in (None, got.members)


def _is_deed(expected: Deed, got: Done) -> bool:
    named = expected.step == got.step and expected.tool in (None, got.tool) and expected.state is got.state
    return named and all(name in got.args and got.args[name] == value for name, value in expected.args.items())


def _moment(moment: Moment) -> str:
    return _of(moment.entity, moment.at)


def _opening(moment: Moment) -> str:
    parts = [_moment(moment)]
    if moment.muted is not None:
        parts.append(f"muted by {moment.muted}" if moment.muted else "muted by nothing")
    if moment.begun is not None:
        parts.append(f"begun at {duration_text(moment.begun)}")
    if moment.braked is not None:
        parts.append("held by the brake" if moment.braked else "not held by the brake")
    return ", ".join(parts)


def _turn(turn: Turn) -> str:
    parts = [_of(turn.entity, turn.at)]
    if turn.muted:
        until = "and nothing was done" if turn.begun is None else f"begun at {duration_text(turn.begun)}"
        parts += [f"muted by {', then '.join(turn.muted)}", until]
    return ", ".join([*parts, "held by the brake"] if turn.braked else parts)


def _page(page: Page) -> str:
    members = "" if page.members is None else f" for {page.members}"
    at = "" if page.at is None else f" at {duration_text(page.at)}"
    return f"{page.kind or 'any'}{members}{at}"


def _shown(shown: Shown) -> str:
    return f"{shown.kind} for {shown.members} at {duration_text(shown.at)}"


def _of(entity: Mapping[str, str] | None, at: float | None) -> str:
    who = "" if entity is None else f"of {_pairs(entity)}" if entity else "of the rule"
    return " ".join(part for part in (who, "" if at is None else f"at {duration_text(at)}") if part) or "(any)"


def _deed(deed: Deed) -> str:
    return _effect(deed.step, deed.tool, deed.args, deed.state)


def _done(done: Done) -> str:
    return _effect(done.step, done.tool, done.args, done.state) + (f" ({done.reason})" if done.reason else "")


def _effect(step: str, tool: str | None, args: Mapping[str, Any], state: EffectState) -> str:
    return f"{step}{f': {tool}' if tool else ''}({_pairs(args)}) {state}"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: object) -> str:
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
