"""Waiting between two looks, in a loop that ends when the process stops."""

import asyncio


async def stays(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for *seconds*; return whether the loop goes on, False at once when *stop* is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return True
    return False
