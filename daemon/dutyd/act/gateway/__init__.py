"""The gateway between the model and the tools: pure, and it trusts nothing that comes from the model.

What may be decided is said by the rule (``tighten``: the tighter of the accepted and the current one, ``narrowed`` to
the steps of one run). ``offered`` tells the model, ``judge`` holds every call against it, ``bind`` makes arguments
where no model is involved, and ``gate`` has the last word on every effect, whoever decided it. Used by the act path
and by ``rules test``.
"""

from dutyd.act.gateway.arguments import bind, read_arguments
from dutyd.act.gateway.gate import gate, over_money
from dutyd.act.gateway.judge import judge, narrowed, offered, withheld
from dutyd.act.gateway.text import clean, cut
from dutyd.act.gateway.tighten import tighten
from dutyd.act.gateway.values import Accepted, Bound, Call, Function, Gate, Outcome, Read, Rejected, Unbound

__all__ = [
    "Accepted",
    "Bound",
    "Call",
    "Function",
    "Gate",
    "Outcome",
    "Read",
    "Rejected",
    "Unbound",
    "bind",
    "clean",
    "cut",
    "gate",
    "judge",
    "narrowed",
    "offered",
    "over_money",
    "read_arguments",
    "tighten",
    "withheld",
]
