"""What can be made at the back office: one value per kind, read by the server, the entries and the page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class About:
    """What an entry is about.

    Attributes:
        field: the member of the body that names another entry by its id.
        path: what that entry must be.
        becomes: the status it takes; empty: it keeps its own.
        only_from: the status it must have for that; empty: any.

    """

    field: str
    path: str
    becomes: str = ""
    only_from: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entry.

    Attributes:
        path: where it is made and listed.
        prefix: what its ids begin with.
        needs: members that the body must have.
        may: members that it may have.
        status: what it begins with; None where it has none.
        about: the entry it changes or belongs to.
        either: groups of members, of one of which the body must have all.

    """

    path: str
    prefix: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    status: str | None = None
    about: About | None = None
    either: tuple[tuple[str, ...], ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Every member that an entry shows."""
        return self.needs + self.may


_ALL = (
    Kind("tickets", "T", ("project", "kind", "title", "body"), ("priority",), "open"),
    Kind(
        "purchase-orders",
        "PO",
        ("supplier",),
        ("sku", "quantity", "unit_price", "lines", "currency", "location", "note"),
        "draft",
        either=(("sku", "quantity"), ("lines",)),
    ),
    Kind("alerts", "A", ("severity", "summary"), ("details", "to"), "firing"),
    Kind("messages", "M", ("to", "text"), ("subject",)),
    Kind("comments", "C", ("ticket", "text"), about=About("ticket", "tickets")),
    Kind("alert-resolutions", "AR", ("alert",), ("summary",), about=About("alert", "alerts", becomes="resolved")),
    Kind(
        "placements",
        "PL",
        ("order",),
        about=About("order", "purchase-orders", becomes="placed", only_from="draft"),
    ),
)

KINDS = {kind.path: kind for kind in _ALL}
"""Every kind by its path."""
