"""The expression language: text in, tree out; checked once at load, evaluated as often as asked.

Whatever a rule computes passes here: ``rules.load`` parses and checks, ``evaluate.engine`` compiles the trees of
``when`` and ``where`` to code, ``act`` evaluates conditions of steps and renders templates, ``explain`` and ``why``
show what each part came to. The language is CEL's in shape, with one kind of number (a double) and with *unknown*
(None) in place of errors: nothing here raises once a text was accepted.
"""

from dutyd.core.expr.errors import ExpressionError
from dutyd.core.expr.evaluate import Look, evaluate, look_in, look_with
from dutyd.core.expr.explain import Explained, explain
from dutyd.core.expr.parser import parse
from dutyd.core.expr.template import Template, examine_template, parse_template
from dutyd.core.expr.text import number_text, to_text
from dutyd.core.expr.tree import Expr, Node
from dutyd.core.expr.types import Checked, Scope, Type, check, examine

__all__ = [
    "Checked",
    "Explained",
    "Expr",
    "ExpressionError",
    "Look",
    "Node",
    "Scope",
    "Template",
    "Type",
    "check",
    "evaluate",
    "examine",
    "examine_template",
    "explain",
    "look_in",
    "look_with",
    "number_text",
    "parse",
    "parse_template",
    "to_text",
]
