"""Whether all that a rule would offer to a model can be said in the endpoint's dialect, known before an incident.

A question's arguments come from its tool (``misfit``, ``dialect``); a step's from the bounds of the rule, whose limits
may be expressions, so their shape is looked at. Asked by the reader of rules for everything that a rule grants: a
start, a reload, ``rules check`` and ``doctor`` refuse such a rule, and all others go on.
"""

from collections.abc import Mapping

from dutyd.act.gateway.bounds import Limits, Line, object_schema
from dutyd.act.gateway.dialect import schema_of
from dutyd.act.gateway.misfit import Misfit, misfit_of
from dutyd.core import mfjs
from dutyd.core.step import Bound
from dutyd.core.tool import Tool


def unsayable_question(tool: Tool) -> Misfit | None:
    """Return why a model can't be offered the reading *tool*."""
    if misfit := misfit_of(tool.args):
        return misfit
    problem = mfjs.problem_of({"name": tool.name, "parameters": schema_of(tool.args)}, strict=True)
    return None if problem is None else Misfit(problem.path, problem.what, "use plain types and other names")


def unsayable_step(name: str, decide: Mapping[str, Bound]) -> mfjs.Problem | None:
    """Return why a model can't be offered the step *name* with what is left to *decide*."""
    limits = {argument: _shape_of(bound) for argument, bound in decide.items()}
    return mfjs.problem_of({"name": name, "parameters": object_schema(limits)}, strict=True)


def _shape_of(bound: Bound) -> Limits:
    """Return the limits of *bound* as far as they are the same for every incident."""
    line = Line({}, {name: _shape_of(part) for name, part in bound.parts.items()})
    return Limits(bound.kind, options=bound.options, lines={"line_1": line})
