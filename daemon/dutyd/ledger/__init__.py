"""The ledger: what Redis remembers of incidents, effects, runs, approvals and budgets.

One class for each thing it remembers, all on the scripts of one installation; ``Ledger`` holds them together.
"""

from dataclasses import dataclass

import redis.asyncio

from dutyd.ledger.audit import Audit
from dutyd.ledger.birth import Birth
from dutyd.ledger.decisions import Decisions
from dutyd.ledger.effects import Effects
from dutyd.ledger.incidents import Incidents
from dutyd.ledger.model_spend import ModelSpend
from dutyd.ledger.outcomes import Outcomes
from dutyd.ledger.paces import Paces
from dutyd.ledger.queries import Queries
from dutyd.ledger.replays import Replays
from dutyd.ledger.rule_sets import RuleSets
from dutyd.ledger.scripts import Scripts
from dutyd.ledger.silences import Silences
from dutyd.ledger.standing import Standings
from dutyd.ledger.sweeps import Sweeps


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one installation; *scripts* is what all of its parts stand on."""

    scripts: Scripts
    incidents: Incidents
    effects: Effects
    outcomes: Outcomes
    decisions: Decisions
    rule_sets: RuleSets
    model_spend: ModelSpend
    queries: Queries
    silences: Silences
    standings: Standings
    birth: Birth
    audit: Audit
    replays: Replays
    sweeps: Sweeps
    paces: Paces


def open_ledger(client: "redis.asyncio.Redis", installation: str) -> Ledger:
    """Return the ledger of *installation* on the server behind *client*."""
    scripts = Scripts(client, installation)
    return Ledger(
        scripts,
        Incidents(scripts),
        Effects(scripts),
        Outcomes(scripts),
        Decisions(scripts),
        RuleSets(scripts),
        ModelSpend(scripts),
        Queries(scripts),
        Silences(scripts),
        Standings(scripts),
        Birth(scripts),
        Audit(scripts),
        Replays(scripts),
        Sweeps(scripts),
        Paces(scripts),
    )
