"""A group's members are in one order, once, wherever the worker dies on the way to it; and so are items of a list."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.crash.killed import publish
from support.daemon import Installation, installation

RULES = """
language: 1
rules:
  - id: low
    from: stock
    per: [sku]
    when: level < 5
    group: {by: [supplier], wait: 5m, at_most: 4, member: {sku: "{{ sku }}", quantity: "{{ wanted }}"}}
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {supplier: "{{ supplier }}", lines: "{{ group.members }}"}}
      ticket:
        needs: [order]
        each: "{{ group.members }}"
        tool: create_ticket
        with: {project: BUY, kind: order, title: "{{ item.sku }}", body: x}
    on_clear:
      tell: {tool: notify, with: {to: "{{ supplier }}", text: "{{ steps.order.id }}"}}
"""
SKUS = ["a", "b", "c", "d"]
ON_THE_WAY = [
    ("member -> group", 2),
    ("members read -> group formed", 1),
    ("group formed -> work", 1),
    ("outcome -> produce", 1),
    ("answer -> record", 1),
    ("answer -> record", 3),
    ("work -> rest", 1),
]


@pytest.fixture
def shop(tmp_path: Path, unique: str, valkey_url: str) -> Iterator[Installation]:
    topics = {"stock": {"partitioned_by": ["sku"]}}
    with installation(tmp_path, unique, RULES, topics=topics, redis=valkey_url, stream=valkey_url) as one:
        yield one


def test_a_group_and_its_items_are_done_once_though_the_worker_dies_at_each_point(
    shop: Installation, unique: str, valkey_url: str
) -> None:
    events = [{"id": f"{sku}-low", "sku": sku, "supplier": "acme", "level": 1, "wanted": 9} for sku in SKUS]
    publish(valkey_url, f"{unique}.stock", events, "sku")
    run = ("run", "--settings", str(shop.settings), "--until-idle", "1s")
    died = [shop.die({"at": point, "hit": hit}, *run) for point, hit in ON_THE_WAY]
    assert set(died) == {-signal.SIGKILL}, shop.log()
    shop.run_until_idle("1s")
    (order,) = shop.listed("/purchase-orders")
    assert order["lines"] == [{"sku": sku, "quantity": 9} for sku in SKUS]
    assert sorted(ticket["title"] for ticket in shop.listed("/tickets")) == SKUS
    assert shop.listed("/messages") == []
    full = [{**event, "id": f"{event['sku']}-full", "level": 50} for event in events]
    publish(valkey_url, f"{unique}.stock", full, "sku")
    assert shop.die({"at": "withdraw -> on_clear", "hit": 1}, *run) == -signal.SIGKILL, shop.log()
    shop.run_until_idle("1s")
    (told,) = shop.listed("/messages")
    assert told["text"] == order["id"]
    assert {row["state"] for row in shop.command("incidents", "list")} == {"CLOSED"}
    assert len(shop.listed("/purchase-orders")) == 1
