"""Lints: what is allowed in a rule and yet is probably not meant.

``find`` looks at rules that loaded without a mistake; ``dutyd rules check`` shows what it returns and ends with
findings, not with an error. Each lint is one function over one step (here) or one rule (``rule_lints``).
"""

import re
from collections.abc import Iterator
from typing import Final

from dutyd.core.expr.tree import Literal, walk
from dutyd.core.policy import Policy
from dutyd.core.rule import Mode, Rule, RuleSet
from dutyd.core.step import Step
from dutyd.core.tool import Tool
from dutyd.rules.known import Known
from dutyd.rules.lints.rule_lints import lints_of
from dutyd.rules.problems import Problem

_WORDS = frozenset(("summary", "evidence"))
_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_ROOTS: Final = frozenset(
    ("steps", "answer", "group", "event", "labels", "annotations", "payload", "data", "fields", "ce")
)
"""First parts of dotted names that nobody means as a text."""

_OTHERS_TEMPLATE: Final = re.compile(r"\$\{[^{}]+\}|\$\.\w+|(?<!\{)\{[A-Za-z_][\w.]*\}(?!\})|%\(\w+\)s")
"""How other programs mark what is to be put in: ``${x}``, ``$.x``, ``{x}``, ``%(x)s``."""

_TELLING: Final = frozenset((Tool.ALERTING, "notify"))
"""Families whose tools tell people something: in the rule's own words that is what an unattended rule is for."""


def find(rules: RuleSet, known: Known) -> tuple[Problem, ...]:
    """Return what looks wrong in *rules*, each at its step or rule."""
    found: list[Problem] = []
    for rule in rules.rules.values():
        found += lints_of(rule, known)
        found += _names_in_conditions(rule)
        for step in (*rule.steps.values(), *rule.on_clear.values()):
            found += _names_without_braces(rule, step)
            found += _spends_without_limit(rule, step, known)
        for step in rule.steps.values():
            found += _never_undone(rule, step, known)
    return tuple(sorted(set(found)))


def _names_without_braces(rule: Rule, step: Step) -> Iterator[Problem]:
    """A literal text that is a name of the rule (``to: supplier`` for ``to: "{{ supplier }}"``), or looks like one."""
    for name, template in {**(step.fallback or {}), **step.args}.items():
        text = template.literal
        if not isinstance(text, str):
            continue
        if _is_name(text, rule):
            message = f"step '{step.name}': '{name}' is the text '{text}' itself, not what it stands for"
            yield _at(step, "literal-name", message, f'write "{{{{ {text} }}}}" if you mean its value')
        elif mark := _OTHERS_TEMPLATE.search(text):
            inner = mark[0].strip("${}.%()s")
            message = f"step '{step.name}': '{mark[0]}' in '{name}' is text here and stays as it is"
            yield _at(step, "literal-path", message, f'write "{{{{ {inner} }}}}" if you mean a value')


def _names_in_conditions(rule: Rule) -> Iterator[Problem]:
    """A text in an expression that is a name: ``team == "labels.team"``."""
    conditions = {"where": rule.where, "when": rule.when, "clear": rule.clear, **rule.let}
    for key, expression in conditions.items():
        for node in walk(expression.root) if expression is not None else ():
            if isinstance(node, Literal) and isinstance(node.value, str) and _is_path(node.value):
                message = f'`{key}`: "{node.value}" is a text, and looks like the name of a field'
                hint = f"write {node.value} without quotes if you mean its value"
                yield Problem(rule.place.file, rule.place.line, rule.place.column, "literal-path", message, hint)


def _is_name(text: str, rule: Rule) -> bool:
    return text in rule.reads_fields | rule.let.keys() | _WORDS or _is_path(text)


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and text.partition(".")[0] in _ROOTS


def _spends_without_limit(rule: Rule, step: Step, known: Known) -> Iterator[Problem]:
    """A step that spends money in mode ``act`` with nothing that could stop an expensive call."""
    tool = known.catalogue.get(step.tool)
    if tool is None or tool.spends is None or rule.mode is not Mode.ACT or step.refuse_if or step.approval_if:
        return
    policy = known.policy or Policy()
    limited = policy.money is not None and policy.money.per_effect is not None
    if not limited and policy.allows(tool.name) is Mode.ACT:
        message = f"step '{step.name}' spends money, and nothing limits how much"
        yield _at(step, "no-limit", message, "add refuse_if or approval_if, or set money.per_effect in the policy")


def _never_undone(rule: Rule, step: Step, known: Known) -> Iterator[Problem]:
    """A step in mode ``act`` that nobody can take back, and that asks nobody."""
    tool = known.catalogue.get(step.tool)
    if tool is None or not tool.changes or tool.undo or (tool.family in _TELLING and not step.decide):
        return
    acts = rule.mode is Mode.ACT and (known.policy or Policy()).allows(tool.name) is Mode.ACT
    if acts and step.approval_if is None:
        message = f"step '{step.name}': what '{tool.name}' does can't be taken back, and nobody is asked"
        hint = "add approval_if with the calls that a person must see; 'approval_if: false' says that none is"
        yield _at(step, "no-undo", message, hint)


def _at(step: Step, code: str, message: str, hint: str) -> Problem:
    return Problem(step.place.file, step.place.line, step.place.column, code, message, hint)
