"""What stands in front of a Postiz and answers in its place, and what it says then."""

from __future__ import annotations

import asyncio
import json

from postiz_async._sandbox import MemoryServer
from postiz_async.testing import WireRequest, WireResponse
from postiz_async.testing._transport import SandboxTransport

PAGE_STATUSES = (200, 302, 403, 408, 502)
"""Of the pages that labs put in the place of answers, after the server has stored."""

PAGE = b"<html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


def page(status: int, **headers: str) -> WireResponse:
    """A web page; of redirects, one that shows the way to another."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if 300 <= status < 400:
        named["location"] = "/m.html"
    return WireResponse(status, {"content-type": "text/html", **named}, PAGE)


def said(status: int, body: object, **headers: str) -> WireResponse:
    """An answer in JSON, or in plain text."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if isinstance(body, str):
        return WireResponse(status, {"content-type": "text/plain", **named}, body.encode())
    kind = {"content-type": "application/json; charset=utf-8"}
    return WireResponse(status, kind | named, json.dumps(body).encode())


FIREWALLS = [
    *(page(status) for status in (400, 403, 404)),
    said(400, {"error": {"code": 400, "message": "Bad Request"}}),
    said(400, {"statusCode": 502, "message": "Bad Gateway"}),
    said(403, {"message": "Forbidden"}),
    said(403, "error code: 1020"),
    said(404, {"detail": "Not Found"}),
]
"""What firewalls say that let nothing through; or not: rules for answers say the same."""

PAGES = [
    *(page(status) for status in (200, 201, 301, 302, 303, 304, 307, 308, 401, 402)),
    *(page(status) for status in (405, 408, 409, 410, 411, 418, 425, 451, 460, 499)),
    *(said(status, "wait") for status in (200, 202, 408, 409, 425, 460, 499)),
    *(said(status, {"message": "wait"}) for status in (200, 401, 402, 408, 409, 425, 499)),
    said(409, {"statusCode": 409, "message": "Conflict"}),
    said(201, []),
    said(201, [{"id": "1"}]),
    WireResponse(200, {}, b""),
    WireResponse(204, {}, b""),
    WireResponse(304, {}, b""),
]
"""What else is said in the place of a create's answer, below 500."""

FAILURES = [
    *(page(status) for status in (500, 502, 503, 504, 521)),
    said(500, {"error": "upstream"}),
    said(503, "no healthy upstream"),
    WireResponse(504, {}, b""),
]


def name(response: WireResponse) -> str:
    """How a case is called."""
    return f"{response.status}-{response.body[:16].decode()}"


class Gateway(SandboxTransport):
    """Answers creates in the place of a server.

    Args:
        sandbox: the server.
        answer: what it says.
        times: to so many creates; None: to all.
        passes: whether the server has them before.
        patience: seconds after which it answers for a server that has not; the server goes on.
    """

    def __init__(
        self,
        sandbox: MemoryServer,
        answer: WireResponse,
        *,
        times: int | None = 1,
        passes: bool = True,
        patience: float | None = None,
    ) -> None:
        super().__init__(sandbox, latency=0.1)
        self.answer = answer
        self.times = times
        self.passes = passes
        self.patience = patience
        self.answered = 0
        self._work: set[asyncio.Task[WireResponse]] = set()

    async def send(self, request: WireRequest) -> WireResponse:
        is_create = request.method == "POST" and request.url.endswith("/posts")
        if not is_create or self.answered == self.times:
            return await super().send(request)
        if self.passes:
            task = asyncio.create_task(super().send(request))
            self._work.add(task)
            task.add_done_callback(self._over)
            with self._sandbox.clock.move_on_after(self.patience or 3_600.0):
                await asyncio.wait([task])
            if self.patience is not None and task.done():
                return task.result()
        self.answered += 1
        return self.answer

    def _over(self, task: asyncio.Task[WireResponse]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # nobody else looks at it
