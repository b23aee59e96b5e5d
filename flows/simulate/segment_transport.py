"""The double as an httpx transport: the same answers and faults without a socket, so that a unit test needs neither port nor time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from currents_segment.flows.simulate.segment_edge import Answer
from currents_segment.flows.simulate.segment_endpoint import Endpoint

Sleep = Callable[[float], Awaitable[None]]


class DoubleTransport(httpx.AsyncBaseTransport):
    """What a client of httpx meets: a reset is a `ReadError`, a cut answer a `RemoteProtocolError`, a hang its own read time-out.

    All waiting is done with `sleep` (s), so a test with its own clock does not wait. Redirects, status and bodies come as over a socket.
    """

    def __init__(self, endpoint: Endpoint, sleep: Sleep = asyncio.sleep) -> None:
        self._endpoint = endpoint
        self._sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by the client once for each request; its answer is acknowledged when it is handed over, or has been read when it drips."""
        body = await request.aread()
        answer, record = self._endpoint.take(request.method, request.url.path, request.headers, body)
        patience = request.extensions.get("timeout", {}).get("read")
        wait = patience if answer.manner == "hang" and patience is not None else answer.delay
        if answer.manner == "hang" or (patience is not None and wait > patience):
            await self._sleep(min(wait, patience) if patience is not None else wait)
            raise httpx.ReadTimeout("the double gives no answer in time", request=request)
        if answer.delay:
            await self._sleep(answer.delay)
        if answer.manner == "reset":
            raise httpx.ReadError("the double reset the connection", request=request)
        if answer.manner == "truncate":
            raise httpx.RemoteProtocolError("the double cut its answer", request=request)
        if answer.manner == "drip":
            stream = _Drip(answer, self._sleep, lambda: self._endpoint.acknowledge(answer, record))
            return httpx.Response(answer.status, headers=answer.headers, stream=stream, request=request)
        self._endpoint.acknowledge(answer, record)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


class _Drip(httpx.AsyncByteStream):
    """A body, byte by byte."""

    def __init__(self, answer: Answer, sleep: Sleep, ended: Callable[[], None]) -> None:
        self._answer = answer
        self._sleep = sleep
        self._ended = ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(len(self._answer.body)):
            await self._sleep(self._answer.interval)
            yield self._answer.body[at : at + 1]
        self._ended()
