"""One page for many incidents of a rule: a storm's parent, or what a throttle holds back. Pure.

``path`` sends it, ``rules test`` and ``backtest`` show it.
"""

from collections.abc import Iterable

from dutyd.core.incident import Trigger

STORM = "incidents of {rule} at once"
ROLLUP = "more of {rule} held back by its throttle"


def text_of_many(count: int, what: str, rule: str, triggers: Iterable[Trigger]) -> str:
    """Return the summary of a page for *count* incidents of *rule*; *triggers* are those of the first ones."""
    listed = list(triggers)
    entities = ", ".join(sorted({"/".join(each.entity.values()) or each.rule for each in listed}))
    return f"{count} {what.format(rule=rule)}: {entities}{', ...' if count > len(listed) else ''}"
