"""Whether an endpoint serves the model that the settings name, by its list of models: no question is asked.

Vendors retire ids every few months, and answer 404 from then on; better told at a start than by an incident. A list
goes in as ``Client.known_models`` brought it, one of five findings comes out. Asked by ``doctor`` and by a worker's
start, which say the same words.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dutyd.act.agent.model import Fault, ModelRefused, ModelRejected
from dutyd.core.errors import nearest

TOLD: Final = 10
"""How many ids are told where the right one is missing."""


class Served(StrEnum):
    """What an endpoint says of a model."""

    SERVED = "served"
    MISSING = "missing"  # there are others: every question would be a 404
    TURNED_AWAY = "turned_away"  # it answers nobody with our key
    NO_LIST = "no_list"  # some hosts have none: only a question can tell
    NO_ANSWER = "no_answer"  # it may work later


@dataclass(frozen=True, slots=True)
class Serving:
    """What it says, and that in words."""

    served: Served
    found: str


def serving(url: str, name: str, known: tuple[str, ...] | Fault) -> Serving:
    """Return what *url*, from where *known* came, says of the model *name*."""
    match known:
        case ModelRejected(reason):
            return Serving(Served.TURNED_AWAY, f"{url} turns us away: {reason}")
        case ModelRefused(reason):
            return Serving(Served.NO_LIST, f"{url} does not say which models it serves: {reason}")
        case tuple() if name in known:
            return Serving(Served.SERVED, f"{url} serves '{name}'")
        case ():
            return Serving(Served.NO_LIST, f"{url} does not say which models it serves: its list is empty")
        case tuple():
            others = ", ".join(known[:TOLD]) + (f" and {len(known) - TOLD} more" if len(known) > TOLD else "")
            found = f"{url} does not serve '{name}'{nearest(name, known) or ';'} it serves {others}"
            return Serving(Served.MISSING, found)
        case _:
            return Serving(Served.NO_ANSWER, f"{url} does not answer: {known.reason}")
