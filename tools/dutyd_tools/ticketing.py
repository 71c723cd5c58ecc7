"""Ticketing: open a ticket, add to it, find what is open already."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from dutyd.core.secrets import cut
from dutyd.core.tool import Args, Provider, changes, reads
from dutyd_tools.values import Route

MOST_FOUND = 20  # tickets in one answer, the newest
EXCERPT = 300  # characters of each ticket's body


class CreateTicket(Args):
    """Arguments of ``create_ticket``."""

    project: str = Field(description="The project or queue it belongs to.", min_length=1, max_length=100)
    kind: str = Field(description="What it is: incident, task, ...", min_length=1, max_length=100)
    title: str = Field(
        description="One line that says what is to be done or what is wrong.", min_length=1, max_length=250
    )
    body: str = Field(description="What is known, and what to do next.", min_length=1, max_length=20_000)
    priority: str = Field("", description="As the project names it, such as P2.", max_length=50)
    to: Route = "default"


class CommentTicket(Args):
    """Arguments of ``comment_ticket``."""

    ticket: str = Field(description="The ticket's id.", min_length=1, max_length=200)
    text: str = Field(description="What to add.", min_length=1, max_length=20_000)
    to: Route = "default"


class SearchTickets(Args):
    """Arguments of ``search_tickets``."""

    query: str = Field(description="Words that must all appear in the ticket.", min_length=1, max_length=300)
    project: str = Field("", description="Only tickets of this project.", max_length=100)


@changes("ticketing", makes="ticket", undo="close the ticket")
def create_ticket(args: CreateTicket) -> Mapping[str, Any]:
    """Open a ticket that a person will work on."""
    return args.model_dump(exclude_defaults=True, exclude={"to"})


@changes("ticketing", makes="comment", of="ticket")
def comment_ticket(args: CommentTicket) -> Mapping[str, Any]:
    """Add a comment to a ticket."""
    return args.model_dump(exclude={"to"})


@reads("ticketing")
async def search_tickets(provider: Provider, args: SearchTickets) -> Any:
    """Find tickets that hold every word of the query, newest first."""
    found = await provider.read("tickets", {"query": args.query, "project": args.project or None})
    return {"query": args.query, "tickets": [_told(ticket) for ticket in reversed(found[-MOST_FOUND:])]}


def _told(ticket: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {name: ticket.get(name) for name in ("id", "project", "kind", "title", "priority", "status")}
    return {**shown, "body": cut(str(ticket.get("body") or ""), EXCERPT)}
