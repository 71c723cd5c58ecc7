"""Looks at the ledger every few seconds: its gauges, and what people should be told (``notices``).

Every process that acts runs one; the numbers are the installation's, whoever reads them. While Redis is away the
gauges stay as they are, and ``dutyd_ledger_read_timestamp_seconds`` shows how old they are.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import structlog

from dutyd.core.errors import NotReadyError
from dutyd.core.metrics import BUDGET_USED, EFFECTS_OPEN, LEDGER_READ, OLDEST_DUE, STUCK
from dutyd.core.policy import Policy
from dutyd.ledger.queries import about_breach, what_to_do
from dutyd.ledger.standing import Standing, Standings
from dutyd.ops.notices import Notice, Notices
from dutyd.ops.pace import stays

log = structlog.get_logger()

LOOK_SECONDS = 5.0

NEARLY = 0.8
"""The share of a day's limit at which people are told."""


@dataclass(frozen=True, slots=True)
class Lookout:
    """Looks, and tells.

    Attributes:
        remind: how long a call waits for approval until people are told again, in seconds.

    """

    standings: Standings
    policy: Policy
    notices: Notices
    remind: float = 3600.0
    every: float = LOOK_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Look until *stop*."""
        while await stays(stop, self.every):
            try:
                await self.look()
            except NotReadyError as error:
                log.debug("the ledger can't be looked at now", error=str(error))  # others say it louder
            except Exception:  # the boundary: who looks on must not stop those who work
                log.exception("looking at the ledger failed unexpectedly")

    async def look(self) -> None:
        """Look once.

        Raises:
            NotReadyError: Redis does not answer.

        """
        standing = await self.standings.now()
        used = used_of(self.policy, standing)
        OLDEST_DUE.set(standing.oldest_due)
        STUCK.set(standing.stuck)
        for state, count in standing.effects.items():
            EFFECTS_OPEN.labels(state).set(count)
        for budget, share in used.items():
            BUDGET_USED.labels(budget).set(share)
        LEDGER_READ.set_to_current_time()
        await self.notices.tell(notices_of(standing, used, self.remind))


def used_of(policy: Policy, standing: Standing) -> dict[str, float]:
    """Return how much of each daily limit of *policy* is used, by its name; a rule's by the rule that used most."""
    money, model = policy.money, policy.model
    limits = {
        "model.tokens_per_day": (standing.model.tokens, model.tokens_per_day),
        "model.usd_per_day": (standing.model.usd, model.usd_per_day),
        "model.tokens_per_rule_day": (_dearest(standing, "model.tokens_per_rule_day")[1], model.tokens_per_rule_day),
        "model.usd_per_rule_day": (_dearest(standing, "model.usd_per_rule_day")[1], model.usd_per_rule_day),
        "money.per_day": (standing.money, money.per_day if money else None),
        "money.per_rule_day": (_dearest(standing, "money.per_rule_day")[1], money.per_rule_day if money else None),
    }
    return {name: used / float(limit) for name, (used, limit) in limits.items() if limit}


def notices_of(standing: Standing, used: Mapping[str, float], remind: float) -> list[Notice]:
    """Return what people should be told of; each has the thing that it is told of once."""
    budgets = [_budget(standing, name, share) for name, share in used.items() if share >= NEARLY]
    parked = [
        Notice("parked", f"{key}/{sent}", f"effect {key} is parked, it may have happened: {what_to_do(key)}")
        for key, sent in standing.parked.items()  # where a person had it sent again, it is told again
    ]
    stuck = [
        Notice("stuck", name, f"incident {name} is stopped by something unexpected: `dutyd incidents show {name}`")
        for name in standing.stuck_ids
    ]
    away = "the model's host turns us away, so decided steps take their fallback: `dutyd model check` says why"
    model = [Notice("model", standing.day, away)] if standing.model_rejects else []
    approvals = [_approval(key, waited, remind) for key, waited in standing.approvals.items()]
    brakes = [
        Notice(
            "brake",
            rule,
            f"rule {rule} opened too often, new incidents wait for approval: `dutyd rules release {rule}`",
        )
        for rule in standing.braked
    ]
    breaches = [
        Notice("breach", key, f"effect {key} was done, and a later look found it {found}; {about_breach(key, found)}")
        for key, found in standing.breaches.items()
    ]
    unanswered = [_unanswered(*name.split("/", 1)) for name in standing.unanswered]
    return [*budgets, *parked, *breaches, *stuck, *model, *approvals, *brakes, *unanswered]


def _unanswered(incident: str, step: str) -> Notice:
    what = f"step '{step}' of incident {incident} got no answer, so what needs it is not done"
    return Notice("unanswered", f"{incident}/{step}", f"{what}: `dutyd incidents show {incident}` says why")


def _approval(key: str, waited: float, remind: float) -> Notice:
    """Say that a call waits for a person: at once, and again each time that it has waited for as long once more."""
    reminders = int(math.log2(waited / remind)) + 1 if waited >= remind else 0
    since = f", for {waited / 3600:.0f} h now" if reminders else ""
    text = f"call {key} waits for approval{since}: decide it with `dutyd approvals approve|deny {key} --as NAME`"
    return Notice("approval", f"{key}/{reminders}", text)


def _budget(standing: Standing, name: str, share: float) -> Notice:
    """Return the notice of a limit: it is nearly used, and later that it is used up."""
    rule = f" by rule {_dearest(standing, name)[0]}" if name in _BY_RULE else ""
    when, then = "it is used up", "what spends more is refused"
    if name.startswith("model."):  # a run's budget is reserved: what is left may be too little for one
        when, then = "less is left than a run's budget", "decided steps take their fallback"
    what = f"today's limit policy.{name}"
    if share >= 1:
        return Notice("budget", f"{name}{rule}/{standing.day}/used", f"{what} is used up{rule}: until 0:00 UTC {then}")
    text = f"{share:.0%} of {what} is used{rule}; when {when}, {then} until 0:00 UTC"
    return Notice("budget", f"{name}{rule}/{standing.day}", text)


_BY_RULE: Final[Mapping[str, Callable[[Standing], Mapping[str, float]]]] = {
    "model.tokens_per_rule_day": lambda standing: {rule: use.tokens for rule, use in standing.model_of.items()},
    "model.usd_per_rule_day": lambda standing: {rule: use.usd for rule, use in standing.model_of.items()},
    "money.per_rule_day": lambda standing: standing.money_of,
}
"""The limits of each rule, and what the rules have used of them."""


def _dearest(standing: Standing, name: str) -> tuple[str, float]:
    """Return the rule that has used most of its limit *name* today, and how much."""
    return max(_BY_RULE[name](standing).items(), key=itemgetter(1), default=("", 0.0))
