"""What a rule can be held against: the tools that are installed, and, where settings are known, topics and policy.

Passed to every loader. ``rules check`` without settings leaves the optional parts out and says what it skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dutyd.core.expr.tables import Tables
from dutyd.core.policy import Policy
from dutyd.core.tool import Catalogue
from dutyd.core.topic import Topic


@dataclass(frozen=True, slots=True)
class Known:
    """What the loader knows of the world.

    Attributes:
        catalogue: every installed tool, by name.
        topics: the source topics by alias, with the partition counts that they really have (one on the ``redis``
            stream); None: not known, so that ``from`` and ``per`` are not held against them.
        policy: the ceiling; None: there is none, or it is not known.
        routes: tool family to the names that ``to`` may have besides ``default``; a family that is missing is not
            checked.
        tables: those of the rule set that is being loaded.
        token_usd: what one token of the model costs at most, in US dollars; None: no price is known.

    """

    catalogue: Catalogue
    topics: Mapping[str, Topic] | None = None
    policy: Policy | None = None
    routes: Mapping[str, frozenset[str]] | None = None
    tables: Tables = field(default_factory=dict)
    token_usd: float | None = None
