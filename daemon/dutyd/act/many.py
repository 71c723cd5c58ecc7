"""One page for many incidents of a rule: a storm's parent, or what a throttle holds back. Pure.

``path`` sends it, ``rules test`` and ``backtest`` show it.
"""

from collections.abc import Iterable, Mapping

from dutyd.act.steps import needed_by
from dutyd.core.incident import Trigger
from dutyd.core.step import Step
from dutyd.core.tool import Catalogue, known_tool

STORM = "incidents of {rule} at once"
ROLLUP = "more of {rule} held back by its throttle"


def text_of_many(count: int, what: str, rule: str, triggers: Iterable[Trigger]) -> str:
    """Return the summary of a page for *count* incidents of *rule*; *triggers* are those of the first ones."""
    listed = list(triggers)
    entities = ", ".join(sorted({"/".join(each.entity.values()) or each.rule for each in listed}))
    return f"{count} {what.format(rule=rule)}: {entities}{', ...' if count > len(listed) else ''}"


def questions_of(pages: Iterable[str], steps: Mapping[str, Step], catalogue: Catalogue) -> dict[str, Step]:
    """Return the steps that are asked before *pages* are sent: of what these need, the rest is left out."""
    needed = needed_by(set(pages), steps)
    return {name: steps[name] for name in steps if name in needed and known_tool(steps[name].tool, catalogue).ask}
