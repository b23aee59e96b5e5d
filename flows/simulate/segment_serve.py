"""The double on a port: answers carried out on a real socket, and the control and view API under `/_double/`."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from currents_segment.flows.simulate.segment_control import Control
from currents_segment.flows.simulate.segment_edge import LARGEST_BODY, Answer
from currents_segment.flows.simulate.segment_endpoint import Endpoint

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


@asynccontextmanager
async def listening(endpoint: Endpoint, host: str, port: int) -> AsyncIterator[str]:
    """The endpoint on a TCP port (0: any free one) for as long as the context lasts; gives its URL. OSError where it cannot listen."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app.add_routes(Control(endpoint).routes())
    app.router.add_route("*", "/{path:.*}", _tracking(endpoint))
    # a client that goes away cancels its handler: that ends a hang, and leaves an undelivered answer unacknowledged
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, auto_decompress=False, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _tracking(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer, record = endpoint.take(request.method, request.path, request.headers, await request.read())
        response = await _carry_out(answer, request)
        endpoint.acknowledge(answer, record)
        return response

    return handle


async def _carry_out(answer: Answer, request: web.Request) -> web.StreamResponse:
    """Write the answer to its end, in its manner; where there is nothing more to write the connection is gone."""
    if answer.delay:
        await asyncio.sleep(answer.delay)
    transport = request.transport
    if answer.manner == "hang" or transport is None:
        return await _gone()
    if answer.manner == "reset":
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
        return await _gone()
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    if answer.manner == "truncate":
        await response.write(answer.body[: len(answer.body) // 2])
        transport.close()
        return await _gone()
    if answer.manner == "drip":
        for at in range(len(answer.body)):
            await response.write(answer.body[at : at + 1])
            await asyncio.sleep(answer.interval)
    else:
        await response.write(answer.body)
    await response.write_eof()
    return response


async def _gone() -> web.StreamResponse:
    """Wait for the end of the connection, which cancels the handler."""
    await asyncio.Event().wait()
    raise AssertionError("nothing sets this event")
