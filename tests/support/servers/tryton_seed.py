"""Fill a new Tryton database for tests: ``python tryton_seed.py CONFIG DATABASE KEYFILE``, run by Tryton's own Python.

The modules purchase, purchase_request and stock_supply are in it. Makes one company; a supplier, ACME; the article
SKU-1, bought by the dozen, of which 4 are in the warehouse WH and 3 in the warehouse AX after 9 went to customers on
three days; and a key for REST, written to KEYFILE.
"""

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard, config
from trytond.pool import Pool
from trytond.transaction import Transaction

SALES = ((dt.date(2026, 3, 2), 2.0), (dt.date(2026, 3, 2), 1.0), (dt.date(2026, 3, 4), 4.0), (dt.date(2026, 3, 5), 2.0))


def main(conf: str, database: str, keyfile: str) -> None:
    cfg = config.set_trytond(database, config_file=conf)
    currency = saved(
        "currency.currency", name="Euro", symbol="E", code="EUR", numeric_code="978", rounding=Decimal("0.01"), digits=2
    )
    dollar = {"name": "US Dollar", "symbol": "$", "code": "USD", "numeric_code": "840"}
    saved("currency.currency", rounding=Decimal("0.01"), digits=2, **dollar)
    company = own_company(cfg, currency)
    category = goods(cfg, company)
    product = article(category)
    warehouse, storage = (find("stock.location", "code", code) for code in ("WH", "STO"))
    annex = second_warehouse()
    saved(
        "stock.order_point",
        product=product,
        type="purchase",
        location=warehouse,
        min_quantity=10.0,
        target_quantity=50.0,
    )
    count(storage, product, 13.0)
    count(annex, product, 3.0)
    customer = find("stock.location", "code", "CUS")
    between = {"product": product, "from_location": storage, "to_location": customer}
    sold = [
        saved(
            "stock.move", quantity=quantity, effective_date=day, unit_price=Decimal(20), currency=currency, **between
        ).id
        for day, quantity in SALES
    ]
    done(database, company.id, sold)
    user = find("res.user", "login", "admin")
    key = saved("res.user.application", user=user, application="rest").key
    with open(keyfile, "w", encoding="ascii") as file:  # noqa: PTH123  # a script of few imports
        file.write(key)


def saved(model: str, **values: Any) -> Any:
    record = Model.get(model)(**values)
    record.save()
    return record


def find(model: str, field: str, value: str) -> Any:
    (found,) = Model.get(model).find([(field, "=", value)])
    return found


def own_company(cfg: Any, currency: Any) -> Any:
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party, wizard.form.currency = saved("party.party", name="Shop"), currency
    wizard.execute("add")
    cfg._context = Model.get("res.user").get_preferences(True, {})
    (company,) = Model.get("company.company").find()
    return company


def goods(cfg: Any, company: Any) -> Any:
    def account(kind: str, *more: Any) -> Any:
        domain = [(f"type.{kind}", "=", True), ("company", "=", company.id), ("closed", "!=", True), *more]
        return Model.get("account.account").find(domain, limit=1)[0]

    by_party = ("party_required", "=", True)
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    template = Model.get("ir.model.data").get_id("account.account_template_root_en", cfg.context)
    wizard.form.account_template = Model.get("account.account.template")(template)
    wizard.form.company = company
    wizard.execute("create_account")
    wizard.form.account_receivable = account("receivable", by_party)
    wizard.form.account_payable = account("payable", by_party)
    wizard.form.category_account_expense = account("expense")
    wizard.form.category_account_revenue = account("revenue")
    wizard.execute("create_properties")
    accounts = {"account_expense": account("expense"), "account_revenue": account("revenue")}
    return saved("product.category", name="goods", accounting=True, **accounts)


def article(category: Any) -> Any:
    unit = find("product.uom", "name", "Unit")
    dozen = saved(
        "product.uom",
        name="Dozen",
        symbol="dz",
        category=unit.category,
        factor=12.0,
        rate=round(1 / 12, 12),
        rounding=1.0,
        digits=0,
    )
    template = Model.get("product.template")(
        name="Widget",
        default_uom=unit,
        type="goods",
        purchasable=True,
        purchase_uom=dozen,
        list_price=Decimal(20),
        account_category=category,
    )
    variant = template.products[0] if template.products else template.products.new()
    variant.suffix_code = "SKU-1"
    template.save()
    supplier = Model.get("party.party")(name="ACME Supply", code="ACME")
    supplier.addresses[0].city = "Springfield"
    supplier.save()
    for _ in range(2):
        saved("party.party", name="Twin Traders")
    offer = Model.get("purchase.product_supplier")(template=template, party=supplier, lead_time=dt.timedelta(days=1))
    offer.prices.new(quantity=0, unit_price=Decimal("7.50"))
    offer.save()
    return template.products[0]


def second_warehouse() -> Any:
    places = {
        f"{name}_location": saved("stock.location", name=f"Annex {name}", type="storage")
        for name in ("input", "output", "storage")
    }
    (lost,) = Model.get("stock.location").find([("type", "=", "lost_found")])
    saved("stock.location", name="Annex", code="AX", type="warehouse", lost_found_location=lost, **places)
    return places["storage_location"]


def done(database: str, company: int, moves: list[int]) -> None:
    """Do *moves* without assigning them first, for which there is no button."""
    with Transaction().start(database, 1, context={"company": company}):
        move = Pool().get("stock.move")
        move.do(move.browse(moves))


def count(place: Any, product: Any, quantity: float) -> None:
    inventory = Model.get("stock.inventory")(location=place, date=dt.date(2026, 3, 1))
    inventory.lines.new(product=product, quantity=quantity)
    inventory.click("confirm")


if __name__ == "__main__":
    main(*sys.argv[1:4])
