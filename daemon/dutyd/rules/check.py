"""Lints: what is allowed in a rule and yet is probably not meant.

``find`` looks at rules that loaded without a mistake; ``dutyd rules check`` shows what it returns and ends with
findings, not with an error. Each lint is one function over one step.
"""

from collections.abc import Iterator

from dutyd.core.policy import Policy
from dutyd.core.rule import Mode, Rule, RuleSet, Step
from dutyd.rules.known import Known
from dutyd.rules.problems import Problem

_WORDS = frozenset(("summary", "evidence"))


def find(rules: RuleSet, known: Known) -> tuple[Problem, ...]:
    """Return what looks wrong in *rules*, each at its step."""
    found: list[Problem] = []
    for rule in rules.rules.values():
        for step in (*rule.steps.values(), *rule.on_clear.values()):
            found += _names_without_braces(rule, step)
            found += _spends_without_limit(rule, step, known)
    return tuple(sorted(found))


def _names_without_braces(rule: Rule, step: Step) -> Iterator[Problem]:
    """A literal text that is a name of the rule: ``to: supplier`` for ``to: "{{ supplier }}"``."""
    names = rule.reads_fields | rule.let.keys() | _WORDS
    for name, template in {**(step.fallback or {}), **step.args}.items():
        text = template.literal
        if isinstance(text, str) and (text in names or text.startswith("steps.")):
            message = f"step '{step.name}': '{name}' is the text '{text}' itself, not what it stands for"
            yield _at(step, "literal-name", message, f'write "{{{{ {text} }}}}" if you mean its value')


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


def _at(step: Step, code: str, message: str, hint: str) -> Problem:
    return Problem(step.place.file, step.place.line, step.place.column, code, message, hint)
