"""Runbooks: search the pages that say what to do."""

from typing import Any

from pydantic import Field

from dutyd.core.tool import Args, Provider, reads
from dutyd_tools.values import NO_DATA


class SearchRunbooks(Args):
    """Arguments of ``search_runbooks``."""

    query: str = Field(description="What to look for, in a few words.", min_length=1, max_length=300)


@reads("runbooks")
async def search_runbooks(provider: Provider, args: SearchRunbooks) -> Any:
    """Find the sections of the runbooks that fit a query best, best first."""
    found = await provider.read("runbooks", {"query": args.query})
    return {"query": args.query, "sections": found} if found else {"query": args.query, "note": NO_DATA}
