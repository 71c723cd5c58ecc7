"""A Redis on a slow disk: a proxy before the real server that hands each answer on some milliseconds later.

A process of its own, so that it takes nothing of what is measured. What is late is the answer: the server has executed
the request by then and works on others, as one does that waits for its disk. Reads are as late as writes here.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

_CHUNK = 1 << 16


@contextmanager
def slow_disk(url: str, seconds: float) -> Iterator[str]:
    """Yield the URL of the server at *url* whose answers come *seconds* later."""
    command = [sys.executable, __file__, str(urlsplit(url).port), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        try:
            yield f"redis://127.0.0.1:{int(proxy.stdout.readline())}"
        finally:
            proxy.terminate()


async def _serve(port: int, seconds: float) -> None:
    server = await asyncio.start_server(partial(_connected, port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _connected(port: int, seconds: float, asks: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_hand_on(asks, to_server, 0.0), _hand_on(from_server, answers, seconds))


async def _hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    while data := await source.read(_CHUNK):
        if seconds:
            await asyncio.sleep(seconds)
        target.write(data)
        await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
