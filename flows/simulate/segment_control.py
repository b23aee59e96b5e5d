"""The double's own API under `/_double/`: script faults, change keys, look at what Segment would keep. It decides nothing itself."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from aiohttp import web

from currents_segment.flows.simulate.segment_endpoint import Endpoint

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CHUNK: Final = 1 << 18  # bytes of the view written at once: large enough to be quick, small enough to leave the loop to the others


class Control:
    """The handlers. A mistake in a request answers 400 with `{"mistakes": [line, ...]}`, and nothing of it is done."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def routes(self) -> list[web.RouteDef]:
        """For `Application.add_routes`."""
        return [
            web.post("/_double/faults", _checked(self.script)),
            web.get("/_double/faults", self.faults),
            web.delete("/_double/faults", self.clear),
            web.post("/_double/keys", _checked(self.keys)),
            web.post("/_double/reset", self.reset),
            web.get("/_double/summary", self.summary),
            web.get("/_double/requests", _checked(self.requests)),
            web.get("/_double/view", self.view),
        ]

    async def script(self, request: web.Request) -> web.Response:
        """Faults into force, all of the list or none."""
        return _json({"added": self._endpoint.script(orjson.loads(await request.read()))})

    async def faults(self, _request: web.Request) -> web.Response:
        """The faults in force, with how often each has struck."""
        return _json(self._endpoint.faults())

    async def clear(self, request: web.Request) -> web.Response:
        """End all faults, or those of `?source=` or `?name=`."""
        return _json({"cleared": self._endpoint.clear(request.query.get("source"), request.query.get("name"))})

    async def keys(self, request: web.Request) -> web.Response:
        """Add a source; replace, expire or disable its key. The key is not repeated in the answer."""
        wanted = orjson.loads(await request.read())
        if (
            not isinstance(wanted, dict)
            or not isinstance(wanted.get("source"), str)
            or wanted.keys() - {"source", "key", "disabled", "expired"}
        ):
            raise ValueError('expected {"source": NAME} with any of "key", "disabled", "expired"')
        self._endpoint.set_key(**wanted)
        return _json({"source": wanted["source"]})

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget everything but the keys."""
        self._endpoint.reset()
        return _json({})

    async def summary(self, _request: web.Request) -> web.Response:
        """The counts by source and in total."""
        return _json(self._endpoint.summary())

    async def requests(self, request: web.Request) -> web.Response:
        """The records of the `?last=` requests of `?source=`, oldest first; with `?ids=1` the messageIds that each held."""
        query = request.query
        last = query.get("last")
        return _json(self._endpoint.requests(query.get("source"), None if last is None else int(last), ids=query.get("ids") == "1"))

    async def view(self, request: web.Request) -> web.StreamResponse:
        """What Segment would keep, as JSON lines in order of arrival."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        waiting = bytearray()
        with suppress(ConnectionResetError):  # whoever looks may stop looking
            for line in self._endpoint.lines(request.query.get("source")):
                waiting += line
                if len(waiting) >= _CHUNK:
                    await response.write(bytes(waiting))
                    waiting.clear()
            await response.write(bytes(waiting))
            await response.write_eof()
        return response


def _checked(handle: Handler) -> Handler:
    """A ValueError is the caller's mistake, one line for each."""

    async def checked(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except ValueError as error:
            return _json({"mistakes": str(error).splitlines()}, status=400)

    return checked


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json", status=status)
