"""A small catalogue and a rule that leaves decisions to the model, for tests of the gateway and the agent run."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from dutyd.core.expr import Look, look_in, parse, parse_template
from dutyd.core.money import Money, parse_money
from dutyd.core.rule import Mode, Rule
from dutyd.core.step import Agent, Bound, Budget, Step
from dutyd.core.tool import Args, Catalogue, Provider, changes, reads

Price = Annotated[Money, BeforeValidator(parse_money), WithJsonSchema({"type": "string"})]


class OrderArgs(Args):
    sku: str = Field(min_length=1, max_length=40)
    quantity: float = Field(ge=0.001)
    unit_price: Price | None = None
    note: str = Field("", max_length=50)


class TicketArgs(Args):
    title: str = Field(min_length=1, max_length=100)
    body: str = Field("", max_length=500)
    priority: str = "P3"
    urgent: bool = False
    weight: float = 1.0


class SearchArgs(Args):
    """What to look for."""

    query: str = Field(description="A few words.", min_length=1)
    minutes: int | None = Field(None, gt=0, le=60)


def _total(args: OrderArgs) -> Money | None:
    return None if args.unit_price is None else args.unit_price.times(args.quantity)


@changes("purchasing", makes="purchase_order", spends=_total)
def draft_order(args: OrderArgs) -> Mapping[str, Any]:
    """Draft an order."""
    return {"sku": args.sku, "quantity": args.quantity}


@changes("ticketing", makes="ticket")
def create_ticket(args: TicketArgs) -> Mapping[str, Any]:
    """Open a ticket."""
    return args.model_dump()


@reads("runbooks")
async def search_runbooks(provider: Provider, args: SearchArgs) -> Any:
    """Find runbooks."""
    return await provider.read("runbooks", {"query": args.query})


CATALOGUE: Catalogue = {tool.name: tool for tool in (draft_order, create_ticket, search_runbooks)}

EVENT: Mapping[str, object] = {"sku": "A-1", "order_quantity": 24, "pack_size": 6, "unit_price": 2.5, "service": "shop"}


def names(**changed: object) -> Look:
    """Return a look into the event, with *changed* fields; None takes one away."""
    return look_in({name: value for name, value in {**EVENT, **changed}.items() if value is not None})


def an_order(**changed: Any) -> Step:
    """Return a purchasing step whose quantity is left open."""
    quantity = Bound(
        kind="integer",
        low=parse_template(1),
        high=parse_template("{{ 2 * order_quantity }}"),
        multiple_of=parse_template("{{ pack_size }}"),
    )
    usual: dict[str, Any] = {
        "name": "order",
        "tool": "draft_order",
        "args": {"sku": parse_template("{{ sku }}"), "unit_price": parse_template("{{ unit_price }}")},
        "decide": {"quantity": quantity},
        "fallback": {"quantity": parse_template("{{ order_quantity }}")},
        "refuse_if": parse("quantity * unit_price > 5000"),
        "approval_if": parse("quantity * unit_price > 100"),
    }
    return Step(**{**usual, **changed})


def a_ticket(**changed: Any) -> Step:
    """Return a ticketing step with every other kind of bound."""
    usual: dict[str, Any] = {
        "name": "ticket",
        "tool": "create_ticket",
        "args": {"body": parse_template("about {{ service }}")},
        "decide": {
            "title": Bound(kind="text", limit=40),
            "priority": Bound(kind="one_of", options=("P1", "P2", "P3")),
            "urgent": Bound(kind="boolean"),
            "weight": Bound(kind="number", low=parse_template(0.5), high=parse_template(2)),
        },
    }
    return Step(**{**usual, **changed})


def a_rule(*steps: Step, **changed: Any) -> Rule:
    """Return a rule with *steps* (an order and a ticket where none is given)."""
    chosen = steps or (an_order(), a_ticket())
    usual: dict[str, Any] = {
        "id": "low-stock",
        "topic": "stock",
        "when": parse("true"),
        "mode": Mode.ACT,
        "agent": Agent(parse_template("Decide about {{ sku }}."), ("search_runbooks",), Budget()),
        "steps": {step.name: step for step in chosen},
        "reads_fields": frozenset(EVENT),
    }
    return Rule(**{**usual, **changed})
