"""The policy file: every key optional, every mistake at its place, nothing that limits by accident."""

from decimal import Decimal
from pathlib import Path

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.rules.policy import load_policy
from support.rule_files import CATALOGUE

WHOLE = """\
mode: approve
tools:
  place_purchase_order: never
  send_alert: act
money: {currency: EUR, per_effect: 5000, per_rule_day: 9999.90, per_day: 20000}
model: {usd_per_day: 5, tokens_per_day: 2000000, usd_per_rule_day: 0.5, tokens_per_rule_day: 90000}
approvers:
  default: [ana]
  draft_purchase_order: [ben, cleo]
"""


def load(folder: Path, text: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return load_policy(file)


def test_a_policy_has_what_its_file_says(tmp_path: Path) -> None:
    assert load(tmp_path, WHOLE) == Policy(
        mode=Mode.APPROVE,
        tools={"place_purchase_order": None, "send_alert": Mode.ACT},
        money=MoneyLimits("EUR", Decimal(5000), Decimal("9999.9"), Decimal(20000)),
        model=ModelLimits(5, 2_000_000, 0.5, 90_000),
        approvers={"default": ("ana",), "draft_purchase_order": ("ben", "cleo")},
    )


def test_a_key_that_is_absent_limits_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "mode: observe\n") == Policy(mode=Mode.OBSERVE)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("mdoe: act", "1:1", "did you mean 'mode'?"),
        ("mode: never", "1:7", "not one of observe, approve or act"),
        ("tools: {send_alert: nevr}", "1:21", "did you mean 'never'?"),
        ("tools: [send_alert]", "1:8", "a mapping of tools"),
        ("money: {per_efect: 10}", "1:9", "did you mean 'per_effect'?"),
        ("money: {per_day: 10 EUR}", "1:18", "expected a number, found the text '10 EUR'"),
        ("money: {per_day: -1}", "1:18", "a limit is 0 or more"),
        ("money: {currency: euro}", "1:19", "'euro' is no currency"),
        ("model: {tokens_per_day: 1.5}", "1:25", "expected a whole number"),
        ("approvers: {default: ana}", "1:22", "a list such as [ana, ben]"),
        ("brake: {openings: 3}", "1:8", "'within' is missing"),
        ("mode: act\nmode: act", "2:1", "stands twice"),
        ("", "1:1", "the file is empty"),
    ],
)
def test_a_wrong_policy_is_refused_at_its_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert f"policy.yaml:{place}: " in str(caught.value)
    assert words in str(caught.value)


def test_a_policy_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: the policy can't be read: No such file"):
        load_policy(tmp_path / "nowhere.yaml")
    (tmp_path / "policy.yaml").write_bytes(b"mode: \xff")
    with pytest.raises(SettingsError, match="byte 7 is no UTF-8 text"):
        load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    "text", ["tools: {place_purchase_ordr: never}", "approvers: {default: [ana], place_purchase_ordr: [ben]}"]
)
def test_a_ceiling_over_a_tool_that_is_not_there_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(SettingsError, match="did you mean 'place_purchase_order'"):
        load_policy(tmp_path / "policy.yaml", CATALOGUE)


def test_a_whole_policy_fits_the_tools_there_are(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(WHOLE)
    assert load_policy(tmp_path / "policy.yaml", CATALOGUE) == load(tmp_path, WHOLE)
