"""Notification: tell a person or a partner something, without paging."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from dutyd.core.tool import Args, changes


class Notify(Args):
    """Arguments of ``notify``."""

    to: str = Field(
        description="Who is told: a route's name, or a name or an address that the provider knows.",
        min_length=1,
        max_length=200,
    )
    text: str = Field(description="What they are told.", min_length=1, max_length=4000)
    subject: str = Field("", description="One line, where the way it takes has room for it.", max_length=250)


@changes("notify", makes="message", addresses=True)
def notify(args: Notify) -> Mapping[str, Any]:
    """Send a message that needs no answer."""
    return args.model_dump(exclude_defaults=True)
