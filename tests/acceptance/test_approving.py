"""From an event to a call that waits for a person, to the person's yes or no, to what became of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.program import Program, dutyd

RULES = """\
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: ACME, quantity: 40, unit_price: "{{ price }}"}
        approval_if: quantity * unit_price > 1000
"""
POLICY = """\
approvers: {default: [ana], draft_purchase_order: [carla]}
money: {per_day: 4000}
"""
SETTINGS = """\
installation: {unique}
redis: {redis}
policy: policy.yaml
topics: {{stock: {{topic: {unique}, partitioned_by: [sku]}}}}
"""


@pytest.fixture
def installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey_url: str, unique: str
) -> Program:
    """Give an installation where two orders wait and a cheap one is done."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "stock.yaml").write_text(RULES)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "dutyd.yaml").write_text(SETTINGS.format(unique=unique, redis=valkey_url))
    program = Program(tmp_path, capsys, monkeypatch)
    events = [{"sku": sku, "level": 2, "price": price} for sku, price in (("A", 30), ("B", 50), ("C", 1))]
    assert program("publish", "-", stdin="".join(json.dumps(event) + "\n" for event in events)).code == 0
    run(tmp_path)
    return program


def run(folder: Path) -> None:
    """Run the daemon, in a process of its own, until it has nothing left to do."""
    done = dutyd("run", "--until-idle", "1s", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def listed(installation: Program, *command: str) -> list[dict[str, Any]]:
    code, out, err = installation(*command, "--json")
    assert (code, err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


def test_an_approved_call_is_sent_and_a_denied_one_is_not(installation: Program) -> None:
    waiting = {row["args"]["sku"]: row["key"] for row in listed(installation, "approvals", "list")}
    assert set(waiting) == {"A", "B"}

    code, out, err = installation("approvals", "approve", waiting["A"], "--as", "ana")
    assert (code, out) == (3, "")
    assert "ana may not decide draft_purchase_order calls: the policy names carla" in err

    shown = f"{waiting['A'][:10]}/order"
    assert shown in installation("approvals", "list").out
    code, out, err = installation("approvals", "edit", shown, "--as", "carla", "--set", "quantity=100")
    assert (code, out) == (1, "")
    assert "not edited: with it the day would spend more than the policy's per_day; it waits as it was" in err
    code, out, err = installation("approvals", "approve", shown, "--as", "carla")
    assert (code, err) == (0, "")
    assert out.startswith("approved: draft_purchase_order sku=A, supplier=ACME, quantity=40")
    code, out, err = installation("approvals", "deny", waiting["B"], "--as", "carla", "--why", "too dear")
    assert (code, out.split(":")[0], err) == (0, "denied", "")

    run(installation.folder)
    states = {row["args"]["sku"]: row["state"] for row in listed(installation, "effects", "list")}
    assert states == {"A": "DONE", "B": "REFUSED", "C": "DONE"}
    assert listed(installation, "approvals", "list") == []


def test_an_incident_shows_what_was_seen_and_done(installation: Program) -> None:
    incident = next(row["id"] for row in listed(installation, "incidents", "list") if row["entity"] == {"sku": "C"})
    code, out, err = installation("incidents", "show", incident[:10])
    assert (code, err) == (0, "")
    assert f"id         {incident}" in out
    assert "draft_purchase_order" in out
    told = json.loads(installation("incidents", "show", incident, "--json").out)
    assert told["trigger"]["evidence"]["fields"]["price"] == 1
    assert [effect["state"] for effect in told["effects"]] == ["DONE"]
