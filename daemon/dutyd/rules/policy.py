"""Read ``policy.yaml``, the platform team's ceiling, with the same care as a rule file.

Every key is optional, an unknown one is an error: a ceiling with a typing mistake in it would limit nothing. Called by
``app`` at start and by ``rules check``; a file that is missing or wrong stops the start.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from dutyd.core.errors import SettingsError, nearest
from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.core.tool import Catalogue
from dutyd.rules.reading.episode_reader import read_brake
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.values import count, names, number, one_of, text
from dutyd.rules.syntax.source import Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_reader import read_yaml

KEYS = ("mode", "tools", "money", "model", "brake", "approvers")
_NEVER = "never"
_DEFAULT = "default"


def load_policy(path: Path, catalogue: Catalogue | None = None) -> Policy:
    """Return the policy in the file *path*; with a *catalogue*, the tools that it names must be there.

    Raises:
        SettingsError: it can't be read, or something in it is wrong: holds every problem with its place.

    """
    try:
        content = path.read_bytes().decode()
    except OSError as error:
        raise SettingsError(f"{path}: the policy can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start + 1} is no UTF-8 text: save the file as UTF-8") from error
    source = SourceFile(str(path), content.removeprefix("\ufeff"))
    policy = read_policy(source, catalogue)
    if source.problems:
        raise SettingsError("\n".join(problem.render(source.text) for problem in sorted(set(source.problems))))
    return policy


def read_policy(source: SourceFile, catalogue: Catalogue | None = None) -> Policy:
    """Return the policy in *source*; what is wrong is reported there."""
    root = read_yaml(source)
    if root is None:
        return Policy()
    fields = Fields(source, root, "policy", KEYS)
    if catalogue is not None:
        _check_tools(fields, "tools", set(catalogue))
        _check_tools(fields, "approvers", {*catalogue, _DEFAULT})
    return Policy(
        mode=fields.read("mode", one_of(Mode), Mode.ACT),
        tools=fields.read("tools", _tools, {}),
        money=fields.read("money", _money),
        model=fields.read("model", _model, ModelLimits()),
        brake=fields.read("brake", read_brake),
        approvers=fields.read("approvers", _approvers, {}),
    )


def _check_tools(fields: Fields, key: str, valid: set[str]) -> None:
    """Report names that are no tool: a ceiling over nothing would go unnoticed."""
    for name, at in fields.names_in(key).items():
        if name not in valid:
            fields.source.report(at, "unknown-tool", f"there is no tool '{name[:60]}'{nearest(name, valid)}")


def _tools(source: SourceFile, node: Node) -> Mapping[str, Mode | None]:
    pairs = entries(source, node, "a mapping of tools to observe, approve, act or never")
    return {name.text: _ceiling(source, value) for name, value in pairs}


def _ceiling(source: SourceFile, node: Node) -> Mode | None:
    """Read a mode, or *never*, which is None."""
    if isinstance(node, Scalar) and node.text == _NEVER:
        return None
    return one_of(Mode, _NEVER)(source, node)


def _money(source: SourceFile, node: Node) -> MoneyLimits | None:
    fields = Fields(source, node, "money limit", ("currency", "per_effect", "per_rule_day", "per_day"))
    if not fields.readable:
        return None
    return MoneyLimits(
        currency=fields.read("currency", _currency, MoneyLimits().currency),
        per_effect=fields.read("per_effect", _amount),
        per_rule_day=fields.read("per_rule_day", _amount),
        per_day=fields.read("per_day", _amount),
    )


def _currency(source: SourceFile, node: Node) -> str | None:
    found = text(source, node)
    if found is None or (len(found) == 3 and found.isascii() and found.isalpha() and found.isupper()):
        return found
    source.report(node, "currency", f"'{found[:20]}' is no currency", "write three letters, such as EUR")
    return None


def _limit(source: SourceFile, node: Node) -> float | None:
    value = number(source, node)
    if value is not None and value < 0:
        source.report(node, "out-of-range", f"a limit is 0 or more, found {value:g}")
        return None
    return value


def _amount(source: SourceFile, node: Node) -> Decimal | None:
    """Read an amount exactly as written: 0.1 is a tenth."""
    value = _limit(source, node)
    return Decimal(str(value)) if value is not None else None


def _model(source: SourceFile, node: Node) -> ModelLimits | None:
    keys = ("usd_per_day", "tokens_per_day", "usd_per_rule_day", "tokens_per_rule_day")
    fields = Fields(source, node, "model limit", keys)
    if not fields.readable:
        return None
    return ModelLimits(
        usd_per_day=fields.read("usd_per_day", _limit),
        tokens_per_day=fields.read("tokens_per_day", count),
        usd_per_rule_day=fields.read("usd_per_rule_day", _limit),
        tokens_per_rule_day=fields.read("tokens_per_rule_day", count),
    )


def _approvers(source: SourceFile, node: Node) -> Mapping[str, tuple[str, ...]]:
    pairs = entries(source, node, "a mapping of tools, or default, to lists of names")
    read = {name.text: names("[ana, ben]")(source, value) for name, value in pairs}
    return {name: found for name, found in read.items() if found is not None}
