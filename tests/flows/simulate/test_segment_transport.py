"""The double as an httpx transport: faults as a client meets them, without a socket and without waiting."""

import asyncio

import httpx
import pytest

from currents_segment.flows.simulate.segment import Double

BATCH = {"batch": [{"type": "track", "event": "E", "userId": "u", "messageId": "m"}]}


def post(double, slept=None, **fault):
    """One request through the transport, with one fault in force; pauses are noted instead of slept."""

    async def sleep(seconds):
        if slept is not None:
            slept.append(seconds)

    async def run():
        async with httpx.AsyncClient(transport=double.transport(sleep), timeout=30) as client:
            return await client.post("https://api.segment.io/v1/batch", json=BATCH, auth=("shop-key", ""))

    if fault:
        double.script(fault)
    return asyncio.run(run())


@pytest.fixture
def double():
    """A double with one source."""
    return Double({"shop": "shop-key"})


def test_a_delivery(double):
    """The client is answered 200, the view has the message, and the answer is acknowledged."""
    assert {"success": True} == post(double).json()
    assert ["m"] == [line["message"]["messageId"] for line in double.view("shop")]
    assert [True] == [request["acknowledged"] for request in double.requests()]


@pytest.mark.parametrize(
    ("fault", "error", "pauses"),
    [
        ({"do": "reset"}, httpx.ReadError, []),
        ({"do": "reset", "delay": 2}, httpx.ReadError, [2]),
        ({"do": "truncate"}, httpx.RemoteProtocolError, []),
        ({"do": "hang"}, httpx.ReadTimeout, [30]),
        ({"do": "pass", "delay": 31}, httpx.ReadTimeout, [30]),
    ],
)
def test_an_answer_that_does_not_come(double, fault, error, pauses):
    """Each is the error that a socket would raise, after the time that it would take; nothing is acknowledged."""
    slept = []
    with pytest.raises(error):
        post(double, slept, **fault)
    assert pauses == slept
    assert [False] == [request["acknowledged"] for request in double.requests()]


@pytest.mark.parametrize(
    ("fault", "status", "pauses"),
    [
        ({"do": "pass", "delay": 29}, 200, [29]),
        ({"do": "drip", "interval": 0.5}, 200, [0.5] * 16),
        ({"do": "redirect"}, 302, []),
        ({"do": "html"}, 502, []),
    ],
)
def test_an_answer_that_comes(double, fault, status, pauses):
    """Late, byte by byte or misleading, it comes whole."""
    slept = []
    assert status == post(double, slept, **fault).status_code
    assert pauses == slept


def test_a_dripping_answer_is_acknowledged_at_its_end(double):
    """A slow answer that was read to its last byte said delivered."""
    assert b'{"success":true}' == post(double, do="drip").content
    assert [True] == [request["acknowledged"] for request in double.requests()]
