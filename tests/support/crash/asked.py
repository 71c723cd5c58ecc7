"""The rules and the events of the kill matrix, and what they ask for: what the back office is to hold in the end.

``courses`` says which of them go together. UNSURE stands where a step says what to do when unsure (class C).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

Thing = tuple[str, str]
"""Something at the back office: what it is, and its name."""

ERRORS = """
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}UNSURE}
      ticket:
        {needs: [page], tool: create_ticket, with: {project: O, kind: incident, title: "{{ service }}", body: x}UNSURE}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}UNSURE}
"""
LOW = """
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: S, quantity: 1}UNSURE}
"""
GROUPED = """
  - id: low
    from: stock
    per: [sku]
    when: level < 5
    group: {by: [supplier], wait: 5m, at_most: 4, member: {sku: "{{ sku }}", quantity: 1}}
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {supplier: "{{ supplier }}", lines: "{{ group.members }}"}UNSURE}
      ticket:
        {
          needs: [order],
          each: "{{ group.members }}",
          tool: create_ticket,
          with: {project: BUY, kind: order, title: "{{ item.sku }}", body: x}UNSURE
        }
"""
ASKED = """
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    agent: {goal: Say how bad it is.}
    steps:
      page:
        tool: send_alert
        with: {summary: "{{ service }}"}
        decide: {severity: {one_of: [critical, error]}}UNSURE
      ticket:
        tool: create_ticket
        with: {project: O, kind: incident, title: "{{ service }}"}
        decide: {body: {text: 200}}UNSURE
"""
"""No step has a fallback: whatever is done, a model decided."""

RULES = f"language: 1\nrules:{ERRORS}{LOW}"
OPENINGS = [{"service": name, "host": f"h-{name}", "error_count": 12} for name in "abc"]
STOCK = [{"sku": name, "supplier": "S", "level": 1} for name in "xy"]
MEMBERS = [{"sku": name, "supplier": "S", "level": 1} for name in "wxyz"]
CLEAR = [{"service": "a", "error_count": 1}]

PAGED = Counter([(path, name) for path in ("alerts", "tickets") for name in "abc"])
WANTED = PAGED + Counter([("purchase-orders", name) for name in "xy"])
GATHERED = Counter([("purchase-orders", "wxyz"), *(("tickets", name) for name in "wxyz")])
DECIDED = Counter([("alerts", "a"), ("tickets", "a")])
TURNS = 3
"""Answers of the model for one incident: a page, a ticket, words."""

RESOLVED = ("alert-resolutions", "a")


def articles(order: Mapping[str, Any]) -> str:
    """Return the name of a purchase order: its article, or all of them, and how many, where that is not one."""
    if not order.get("sku"):
        return "".join(sorted(line["sku"] for line in order["lines"]))
    return str(order["sku"]) if order["quantity"] == 1 else f"{order['sku']} by {order['quantity']:g}"


def made_by(row: Mapping[str, Any]) -> Thing:
    """Return what the effect of a ledger's *row* makes."""
    args = row["args"]
    match row["tool"]:
        case "send_alert":
            return "alerts", args["summary"]
        case "create_ticket":
            return "tickets", args["title"]
        case "draft_purchase_order":
            return "purchase-orders", articles(args)
        case "resolve_alert":
            return RESOLVED
    raise ValueError(f"no rule here orders {row['tool']}")


def needing(row: Mapping[str, Any]) -> list[Thing]:
    """Return what is not made where the effect of *row* is not known to be there."""
    match row["tool"]:
        case "send_alert":
            return [("tickets", row["args"]["summary"])]
        case "draft_purchase_order":
            return [("tickets", line["sku"]) for line in row["args"].get("lines") or ()]
    return []
