"""What ``dutyd rules backtest`` makes of a history: one line an opening, a summary, and nothing that is sent."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from support.program import Ended, Program

RULES = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 10
    clear: n <= 5
    mode: act
    agent: {goal: "Find out what changed.", budget: {turns: 4, tokens: 1000}}
    steps:
      page: {tool: send_alert, with: {severity: info, summary: "{{ service }}: {{ n }}"}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: "{{ evidence }}"}
        decide: {title: {text: 50}}
        fallback: {title: "{{ service }}"}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
  - id: slow
    from: metrics
    per: [service]
    when: slow == true
    for: 5m
    throttle: {per_rule: [1/1h]}
    steps:
      page: {tool: send_alert, with: {severity: info, summary: slow}}
  - id: orders
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: acme, quantity: 10, unit_price: 2.5 EUR}}
"""
SETTINGS = """\
topics:
  metrics: {partitioned_by: [service]}
  stock: {partitioned_by: [sku]}
model: {base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 3}}
"""


def event(minute: int, service: str = "shop", **fields: Any) -> dict[str, Any]:
    return {"time": f"2026-01-31T09:{minute:02}:00Z", "service": service, **fields}


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    (tmp_path / "dutyd.yaml").write_text(SETTINGS)
    return Program(tmp_path, capsys, monkeypatch)


def write(dutyd: Program, events: list[dict[str, Any]], name: str = "history.jsonl") -> None:
    (dutyd.folder / name).write_text("".join(json.dumps(each) + "\n" for each in events))


def told(ended: Ended) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    assert ended.code == 0, ended.err
    *rows, last = map(json.loads, ended.out.splitlines())
    return rows, last["summary"]


def backtest(dutyd: Program, *more: str, rules: str = "rules", topic: str = "metrics") -> Ended:
    return dutyd("rules", "backtest", rules, "--settings", "dutyd.yaml", "--topic", topic, *more)


def test_an_opening_is_a_line_with_its_effects_and_the_summary_comes_last(dutyd: Program) -> None:
    write(dutyd, [event(0, n=20), event(1, n=7), event(2, n=30, service="search"), event(3, n=1)])
    rows, summary = told(backtest(dutyd, "history.jsonl", "--json"))
    assert [(row["rule"], row["entity"], row["opened"], row["cleared"]) for row in rows] == [
        ("errors", {"service": "shop"}, "2026-01-31T09:00:00Z", "2026-01-31T09:03:00Z"),
        ("errors", {"service": "search"}, "2026-01-31T09:02:00Z", None),
    ]
    assert [(done["step"], done["tool"], done["state"]) for done in rows[0]["effects"]] == [
        ("page", "send_alert", "DONE"),
        ("ticket", "create_ticket", "DONE"),
        ("resolve", "resolve_alert", "DONE"),
    ]
    assert rows[0]["effects"][0]["args"]["summary"] == "shop: 20"
    assert (summary["events"], summary["openings"], summary["open"]) == (4, 2, 1)
    assert (summary["from"], summary["to"]) == ("2026-01-31T09:00:00Z", "2026-01-31T09:03:00Z")
    assert summary["rules"]["errors"]["most"][0] == {"entity": {"service": "shop"}, "openings": 1}
    assert summary["effects"]["create_ticket"] == {"DONE": 2}


def test_a_history_comes_from_a_pipe_too(dutyd: Program) -> None:
    write(dutyd, [event(0, n=20), event(3, n=1)])
    arguments = ("rules", "backtest", "rules", "-", "--settings", "dutyd.yaml", "--topic", "metrics", "--json")
    piped = dutyd(*arguments, stdin=(dutyd.folder / "history.jsonl").read_text())
    assert told(piped) == told(backtest(dutyd, "history.jsonl", "--json"))
    assert len(told(piped)[0]) == 1


def test_the_model_is_not_asked_and_what_it_would_cost_at_most_is_said(dutyd: Program) -> None:
    write(dutyd, [event(0, n=20), event(1, n=20, service="search")])
    _, summary = told(backtest(dutyd, "history.jsonl", "--json"))
    assert summary["model"] == {"runs": 2, "at_most": {"turns": 8, "tokens": 2000, "usd": 0.006}, "unasked": {}}


def test_money_is_summed_up(dutyd: Program) -> None:
    write(dutyd, [{"time": "2026-01-31T09:00:00Z", "sku": sku, "level": 1} for sku in "ab"])
    _, summary = told(backtest(dutyd, "history.jsonl", "--json", topic="stock"))
    assert summary["money"] == {"EUR": 50.0}


def test_a_timer_that_is_due_after_the_last_event_does_not_fire(dutyd: Program) -> None:
    write(dutyd, [event(0, slow=True), event(4, service="search", n=1)])
    assert told(backtest(dutyd, "history.jsonl", "--json"))[0] == []
    write(dutyd, [event(0, slow=True), event(5, service="search", n=1)])
    (row,) = told(backtest(dutyd, "history.jsonl", "--json"))[0]
    assert (row["rule"], row["opened"]) == ("slow", "2026-01-31T09:05:00Z")


def test_what_a_throttle_holds_back_is_said_and_goes_on_when_there_is_room(dutyd: Program) -> None:
    slow = [event(minute, service=service, slow=True) for service in "abc" for minute in (0,)]
    later = [event(30, service="b", slow=False), {**event(0, service="z", n=1), "time": "2026-01-31T10:10:00Z"}]
    write(dutyd, [*slow, *later])
    rows, summary = told(backtest(dutyd, "history.jsonl", "--json"))
    assert [(row["entity"]["service"], row.get("muted", False), len(row["effects"])) for row in rows] == [
        ("a", False, 1),
        ("b", "throttle", 0),  # it cleared before there was room
        ("c", "throttle", 1),
    ]
    assert summary["muted"] == 2


def test_a_folder_is_read_file_after_file_and_packed_files_too(dutyd: Program) -> None:
    (dutyd.folder / "days").mkdir()
    write(dutyd, [event(0, n=20)], "days/1.jsonl")
    with gzip.open(dutyd.folder / "days" / "2.jsonl.gz", "wt") as packed:
        packed.write(json.dumps(event(5, n=1)) + "\n")
    (row,) = told(backtest(dutyd, "days", "--json"))[0]
    assert row["cleared"] == "2026-01-31T09:05:00Z"


def test_lines_that_hold_no_event_are_named_and_passed_over(dutyd: Program) -> None:
    (dutyd.folder / "history.jsonl").write_text(f'oops\n{json.dumps(event(0, n=20))}\n\n{{"n": 3}}\n')
    ended = backtest(dutyd, "history.jsonl", "--json")
    rows, summary = told(ended)
    assert (len(rows), summary["unread"], summary["events"]) == (1, 2, 1)
    assert "history.jsonl:1: not JSON" in ended.err
    assert "history.jsonl:4: neither the record nor the event says a time" in ended.err


def test_people_get_a_table_and_what_was_not_judged(dutyd: Program) -> None:
    write(dutyd, [event(0, n=20), event(0, n=20, id="x"), event(0, n=20, id="x"), event(1, n="many")])
    code, out, _ = backtest(dutyd, "history.jsonl", rules="rules/a.yaml")
    assert code == 0
    assert "service=shop (1)" in out
    assert "4 events, from 2026-01-31T09:00:00Z to 2026-01-31T09:01:00Z: 1 opening, 1 open." in out
    assert "model: 1 run, at most turns=4, tokens=1000, usd=0.003" in out
    assert "duplicates: 1" in out
    assert "unknown: errors found no usable value in n, 1 time\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl",), "no such file or folder"),
        (("rules/tests",), "no such file or folder"),
        (("history.jsonl", "--since", "2026-01-01"), "are for reading the topic"),
    ],
)
def test_a_history_that_is_none_is_wrong_use(dutyd: Program, arguments: tuple[str, ...], said: str) -> None:
    write(dutyd, [])
    code, _, err = backtest(dutyd, *arguments)
    assert code == 3
    assert said in err


def test_rules_of_other_topics_only_are_wrong_use(dutyd: Program) -> None:
    write(dutyd, [])
    (dutyd.folder / "dutyd.yaml").write_text(SETTINGS.replace("  stock", "  web: {}\n  stock"))
    code, _, err = backtest(dutyd, "history.jsonl", topic="web")
    assert code == 3
    assert "no rule in rules reads 'web': they read metrics, stock" in err


def test_a_topic_is_read_as_it_is_between_two_times(dutyd: Program, valkey_url: str, unique: str) -> None:
    settings = SETTINGS.replace("topics:\n  metrics: {", f"topics:\n  metrics: {{topic: {unique}, ")
    (dutyd.folder / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\n{settings}")
    write(dutyd, [event(0, n=20), event(3, n=1)])
    assert dutyd("publish", "--settings", "dutyd.yaml", "--topic", "metrics", "history.jsonl").code == 0
    (row,) = told(backtest(dutyd, "--json"))[0]
    assert (row["opened"], row["cleared"]) == ("2026-01-31T09:00:00Z", "2026-01-31T09:03:00Z")
    both = dutyd(
        "rules", "backtest", "rules", "--settings", "dutyd.yaml", "--topic", "metrics", "--topic", "stock", "--json"
    )
    assert told(both)[1]["events"] == 2
    assert told(backtest(dutyd, "--json", "--until", "2026-01-01T00:00:00Z"))[1]["events"] == 0
    assert told(backtest(dutyd, "--json", "--since", "2026-01-01T00:00:00Z"))[1]["events"] == 2


NIGHTLY = """\
language: 1
rules:
  - id: host-down
    from: hosts
    per: [host]
    when: up == 0
    mode: act
    brake: {openings: 2, within: 1h}
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ host }}"}}
  - id: disk-slow
    from: metrics
    per: [host]
    when: slow == true
    inhibit: {by: [host-down], equal: [host], group_wait: 30s}
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: warning, summary: "{{ summary }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
  - id: report
    schedule: "5 9 * * *"
    mode: act
    steps:
      mail: {tool: notify, with: {to: ops, text: "good morning"}}
silences:
  - {id: copies, rule: disk-slow, match: {host: b}, at: "0 9 * * *", lasts: 10m, because: the copies keep it busy}
"""
DISK, HOST = "2026-01-31T09:00:00Z", "2026-01-31T09:00:20Z"


def several(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "a.yaml").write_text(NIGHTLY)
    (dutyd.folder / "dutyd.yaml").write_text("topics: {metrics: {}, hosts: {}}\n")
    slow = [{"time": DISK, "host": host, "slow": True} for host in "abc"]
    write(dutyd, [*slow, {"time": "2026-01-31T09:20:00Z", "host": "z", "slow": False}], "metrics.jsonl")
    up = {"time": "2026-01-31T09:15:00Z", "host": "a", "up": 1}
    write(dutyd, [{"time": HOST, "host": host, "up": 0} for host in ("a", "x", "y")] + [up], "hosts.jsonl")


SEQUENCE = """\
language: 1
rules:
  - id: deploy-then-errors
    from: metrics
    sequence:
      - {name: deploy, from: hosts, where: kind == "deploy"}
      - {name: errors, where: errors > 10}
    within: 10m
    per: [host]
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ host }}"}}
"""


def test_what_happened_in_two_topics_is_one_thing_after_the_other(dutyd: Program) -> None:
    several(dutyd)
    (dutyd.folder / "rules" / "a.yaml").write_text(SEQUENCE)
    write(dutyd, [{"time": f"2026-01-31T09:{m:02}:00Z", "host": "a", "errors": 20} for m in (0, 5)], "metrics.jsonl")
    write(dutyd, [{"time": "2026-01-31T09:03:00Z", "host": "a", "kind": "deploy"}], "hosts.jsonl")
    history = ["--topic", "metrics=metrics.jsonl", "--topic", "hosts=hosts.jsonl"]
    rows, _ = told(dutyd("rules", "backtest", "rules", "--settings", "dutyd.yaml", *history, "--json"))
    assert [(row["rule"], row["opened"]) for row in rows] == [("deploy-then-errors", "2026-01-31T09:05:00Z")]


@pytest.mark.parametrize("how", ["named", "folder"])
def test_several_topics_are_played_as_the_worker_would_have_worked(dutyd: Program, how: str) -> None:
    several(dutyd)
    history = ["--topic", "metrics=metrics.jsonl", "--topic", "hosts=hosts.jsonl"]
    if how == "folder":
        (dutyd.folder / "day").mkdir()
        for name in ("metrics.jsonl", "hosts.jsonl"):
            (dutyd.folder / name).rename(dutyd.folder / "day" / name)
        history = ["day"]
    rows, summary = told(dutyd("rules", "backtest", "rules", "--settings", "dutyd.yaml", *history, "--json"))
    found = {(row["rule"], *row["entity"].values()): row for row in rows}
    waits = {key: (row.get("muted"), row.get("begun"), row.get("held")) for key, row in found.items()}
    assert waits == {
        ("disk-slow", "a"): ("group_wait, then inhibited by host-down", "2026-01-31T09:15:00Z", None),
        ("disk-slow", "b"): ("silence copies", "2026-01-31T09:10:00Z", None),
        ("disk-slow", "c"): ("group_wait", "2026-01-31T09:00:30Z", None),
        ("host-down", "a"): (None, None, None),
        ("host-down", "x"): (None, None, None),
        ("host-down", "y"): (None, None, "brake"),
        ("report",): (None, None, None),
    }
    assert found["host-down", "y"]["effects"][0]["state"] == "AWAITING_APPROVAL"
    assert found["report",]["opened"] == "2026-01-31T09:05:00Z"
    assert (summary["events"], summary["muted"], summary["held"]) == (8, 3, 1)


def test_a_storm_is_one_page_and_what_a_throttle_holds_back_is_one_more(dutyd: Program) -> None:
    several(dutyd)
    (dutyd.folder / "rules" / "a.yaml").write_text(
        NIGHTLY.replace("inhibit: {by: [host-down], equal: [host], group_wait: 30s}", "throttle: {per_rule: [18/1h]}")
    )
    slow = [{"time": DISK, "host": f"h{number}", "slow": True} for number in range(30)]
    fine = [{"time": "2026-01-31T09:01:00Z", "host": f"h{number}", "slow": False} for number in range(30)]
    write(dutyd, slow + fine)
    rows, summary = told(backtest(dutyd, "history.jsonl", "--json"))
    assert [row.get("muted") for row in rows] == [None] * 18 + ["throttle"] * 2 + ["storm"] * 10
    assert [len(row["effects"]) for row in rows] == [2] * 18 + [0] * 12
    assert summary["muted_by"] == {"throttle": 2, "storm": 10}
    pages = [(page["kind"], page["opened"], page["cleared"], page["members"]) for page in summary["pages"]]
    assert sorted(pages) == [
        ("rollup", "2026-01-31T09:00:05Z", None, 2),
        ("storm", "2026-01-31T09:00:05Z", "2026-01-31T09:01:00Z", 10),
    ]
    texts = {page["effects"][0]["args"]["summary"].partition(":")[0] for page in summary["pages"]}
    assert texts == {"2 more of disk-slow held back by its throttle", "10 incidents of disk-slow at once"}
    assert summary["effects"]["send_alert"] == {"DONE": 20}
    _, out, _ = backtest(dutyd, "history.jsonl")
    assert "storm of disk-slow at 2026-01-31T09:00:05Z: one page for 10\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--topic", "metrics=m", "--topic", "hosts"), "name a file for each topic"),
        (("--topic", "metrics=m", "--topic", "metrics=n"), "--topic names a topic twice"),
        (("--topic", "metrics=m", "day"), "--topic says what to read already"),
        (("--topic", "metrcs=m"), "did you mean 'metrics'"),
    ],
)
def test_what_is_to_be_read_is_said_once(dutyd: Program, arguments: tuple[str, ...], said: str) -> None:
    several(dutyd)
    code, _, err = dutyd("rules", "backtest", "rules", "--settings", "dutyd.yaml", *arguments)
    assert code == 3
    assert said in err


LIMITED = """\
language: 1
rules:
  - id: orders
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    agent: {goal: x, budget: {tokens: 1000}}
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: acme, unit_price: 2 EUR}
        decide: {quantity: {integer: {min: 1, max: 100}}}
        fallback: {quantity: "{{ 10 + level }}"}
        approval_if: quantity > 12
      tell: {tool: notify, with: {to: m, text: "{{ steps.order.id }}"}}
"""
POLICY = "money: {currency: EUR, per_day: 100}\nmodel: {tokens_per_day: 2000}\n"
PACED = "policy: policy.yaml\nproviders: {notify: {kind: webhook, url: 'http://127.0.0.1:1/x', per_minute: 6}}\n"


def limited(dutyd: Program, *more: str) -> dict[str, Any]:
    """Return the summary of four orders in four seconds, of 20, 22, 24 and 26 EUR; the last asks a person."""
    (dutyd.folder / "rules" / "a.yaml").write_text(LIMITED)
    (dutyd.folder / "policy.yaml").write_text(POLICY)
    (dutyd.folder / "dutyd.yaml").write_text(SETTINGS + PACED)
    write(dutyd, [{"time": f"2026-01-31T09:00:0{n}Z", "sku": f"s{n}", "level": n} for n in range(4)])
    return told(backtest(dutyd, "history.jsonl", "--json", *more, topic="stock"))[1]


def stopped(summary: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [(each["step"], each["state"], each["reason"], each["times"]) for each in summary["stopped"]]


ASKS = "approval_if: quantity > 12"


@pytest.mark.parametrize(
    ("options", "orders", "messages", "why"),
    [
        ((), {"DONE": 3, "AWAITING_APPROVAL": 1}, {"DONE": 3}, [("order", "AWAITING_APPROVAL", ASKS, 1)]),
        (("--approvals", "granted"), {"DONE": 4}, {"DONE": 4}, []),
        (("--approvals", "denied"), {"DONE": 3, "REFUSED": 1}, {"DONE": 3}, [("order", "REFUSED", "denied", 1)]),
        (("--pause", "tool:notify"), {"DONE": 3, "AWAITING_APPROVAL": 1}, {"RESERVED": 3}, None),
        (("--pause", "rule:orders"), {"RESERVED": 3, "AWAITING_APPROVAL": 1}, None, None),
    ],
)
def test_what_people_say_is_played(
    dutyd: Program,
    options: tuple[str, ...],
    orders: dict[str, int],
    messages: dict[str, int] | None,
    why: list[Any] | None,
) -> None:
    summary = limited(dutyd, *options)
    assert summary["effects"]["draft_purchase_order"] == orders
    assert summary["effects"].get("notify") == messages
    assert why is None or stopped(summary) == why


def test_what_nobody_approves_in_time_is_refused(dutyd: Program) -> None:
    limited(dutyd)
    with (dutyd.folder / "history.jsonl").open("a") as history:
        history.write(json.dumps({"time": "2026-02-01T09:00:03Z", "sku": "z", "level": 9}) + "\n")
    summary = told(backtest(dutyd, "history.jsonl", "--json", "--approvals", "expire", topic="stock"))[1]
    assert stopped(summary) == [("order", "REFUSED", "approval expired", 1)]


def test_the_days_limits_stop_orders_and_runs_and_a_pace_makes_messages_wait(dutyd: Program) -> None:
    summary = limited(dutyd, "--approvals", "granted")
    assert summary["model"]["unasked"] == {"tokens_per_day": 2}
    assert summary["model"]["at_most"]["tokens"] == 2000
    assert summary["pace"] == [{"provider": "notify", "to": "default", "waited": 3, "longest": 27.0}]
    (dutyd.folder / "policy.yaml").write_text(POLICY.replace("per_day: 100", "per_day: 70"))
    out = backtest(dutyd, "history.jsonl", "--approvals", "granted", topic="stock").out
    assert "refused: orders, step order, 1 time: budget: per_day" in out
    assert "waited for the pace of notify: 2, the longest 18 s" in out
    assert "model: not asked 2 times if each run takes its budget: policy tokens_per_day" in out


def test_a_pause_of_what_is_not_there_says_what_is_nearest(dutyd: Program) -> None:
    write(dutyd, [])
    ended = backtest(dutyd, "history.jsonl", "--pause", "rule:error")
    assert ended.code == 3
    assert "did you mean 'rule:errors'?" in ended.err
