"""Stock and purchase drafts in a real Tryton: what it accepts and must not be sent, and what its errors mean."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import RefusedError
from dutyd_tools.providers import tryton as adapter
from support.erp import DATABASE, ORDER, Erp, StartErp
from support.providers import Connect, closing

PURCHASE = "purchase.purchase"


@pytest.fixture(scope="module")
def erp(tryton: StartErp) -> Iterator[Erp]:
    with tryton() as erp:
        yield erp


@pytest.fixture
async def connect(erp: Erp) -> AsyncIterator[Connect]:
    plain = {"url": erp.url, "database": DATABASE, "token_file": str(erp.key)}
    async with closing(lambda **settings: adapter.connect({**plain, **settings})) as connect:
        yield connect


@pytest.fixture
def key(unique: str) -> str:
    return f"dutyd-{unique}"


def orders(erp: Erp, key: str) -> list[dict[str, Any]]:
    return erp.rows(PURCHASE, [["reference", "=", key]], "state", "party.code", "lines.quantity", "lines.unit.name")


async def test_stock_without_a_location_reads_nothing_so_each_warehouse_is_asked(erp: Erp, connect: Connect) -> None:
    (bare,) = erp.rows("product.product", [["code", "=", "SKU-1"]], "quantity")
    assert bare["quantity"] == 0.0, "the trap is gone: Tryton knows without being told where"
    rows = await connect().read("stock", {"sku": "SKU-1"})
    assert {row["location"]: row["inventory_level"] for row in rows} == {"WH": 4.0, "AX": 3.0}
    (one,) = await connect().read("stock", {"sku": "SKU-1", "location": "AX"})
    assert one["inventory_level"] == 3.0
    with pytest.raises(RefusedError, match="no one warehouse 'MOON'"):
        await connect().read("stock", {"sku": "SKU-1", "location": "MOON"})


async def test_an_order_for_a_supplier_that_is_not_there_is_refused_though_tryton_takes_it(
    erp: Erp, connect: Connect, key: str
) -> None:
    taken = erp.ask("POST", PURCHASE, {"company": 1}, json={"party": 999_999, "reference": f"{key}-trap"})
    assert taken.is_success, "the trap is gone: Tryton refuses it itself"
    for wrong, words in (
        ({"supplier": "NOBODY"}, "no supplier of the code or name 'NOBODY'"),
        ({"supplier": "Twin Traders"}, "2 suppliers of the code or name 'Twin Traders'"),
        ({"sku": "NOTHING"}, "no article of the code 'NOTHING'"),
        ({"location": "MOON"}, "no one warehouse 'MOON', but: WH, AX"),
    ):
        with pytest.raises(RefusedError, match=words):
            await connect().create("purchase_order", key, {**ORDER, **wrong})
    assert orders(erp, key) == []


async def test_a_field_that_tryton_lacks_is_its_500_and_our_refusal(erp: Erp, connect: Connect, key: str) -> None:
    await connect().create("purchase_order", f"{key}-other", ORDER)
    trap = erp.ask("GET", PURCHASE, {"company": 1}, params={"f": ["no_such_field"]})
    assert trap.status_code == 500, "the trap is gone: Tryton names it better"
    with pytest.raises(RefusedError, match="no_such_field"):
        await connect(fields={"no_such_field": "x"}).create("purchase_order", key, ORDER)
    with pytest.raises(RefusedError, match="no_such_field"):
        await connect(fields={"no_such_field": "x"}).check()
    assert orders(erp, key) == []


async def test_a_draft_is_in_the_unit_of_stock_and_counts_as_on_order_until_it_is_placed_and_after(
    erp: Erp, connect: Connect, key: str
) -> None:
    provider = connect()

    async def on_order() -> float:
        (row,) = await provider.read("stock", {"sku": "SKU-1", "location": "WH"})
        return float(row["on_order"])

    before = await on_order()
    made = await provider.create("purchase_order", key, ORDER)
    (draft,) = orders(erp, key)
    assert (draft["state"], draft["party"]["code"]) == ("draft", "ACME")
    assert [(line["quantity"], line["unit"]["name"]) for line in draft["lines"]] == [(24.0, "Unit")]
    assert await on_order() == before + 24.0
    for _ in range(2):
        assert (await provider.create("placement", f"{key}-p", {"order": made.id})).id == made.id
    (placed,) = orders(erp, key)
    assert placed["state"] in adapter.PLACED
    assert await on_order() == before + 24.0


async def test_many_lines_are_one_order_and_one_that_is_wrong_refuses_all(erp: Erp, connect: Connect, key: str) -> None:
    lines = [{"sku": "SKU-1", "quantity": 6, "unit_price": 7.5}, {"sku": "SKU-1", "quantity": 3}]
    body = {"supplier": "ACME", "location": "WH", "lines": lines}
    with pytest.raises(RefusedError, match="no article of the code 'NOTHING'"):
        await connect().create("purchase_order", key, {**body, "lines": [*lines, {"sku": "NOTHING", "quantity": 1}]})
    assert orders(erp, key) == []
    await connect().create("purchase_order", key, body)
    (order,) = orders(erp, key)
    assert sorted(line["quantity"] for line in order["lines"]) == [3.0, 6.0]


async def test_demand_is_what_went_to_customers_by_day(connect: Connect) -> None:
    assert await connect().read("demand", {"sku": "SKU-1"}) == [
        {"day": "2026-03-02", "quantity": 3.0},
        {"day": "2026-03-04", "quantity": 4.0},
        {"day": "2026-03-05", "quantity": 2.0},
    ]
    assert await connect().read("demand", {"sku": "NOTHING"}) == []


async def test_doctor_asks_for_everything_that_orders_need(connect: Connect, tmp_path: Path) -> None:
    assert "answers, database shop" in await connect().check()
    wrong = tmp_path / "key"
    wrong.write_text("not-the-key")
    with pytest.raises(RefusedError, match="answered 401"):
        await connect(token_file=str(wrong)).check()
    with pytest.raises(RefusedError, match="no company 'Elsewhere'"):
        await connect(company="Elsewhere").check()
    with pytest.raises(SettingsError, match="reference"):
        connect(fields={"reference": "mine"})
