"""The order in which a request is handled: body, route, key, limit, plan, and then the handler."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl

from postiz_async._sandbox import refusals
from postiz_async._sandbox.faults import (
    Faults,
    after_handler,
    before_authentication,
    before_handler,
)
from postiz_async._sandbox.json import MalformedJSONError, read_json
from postiz_async._sandbox.messages import HttpRequest, Response, json_response
from postiz_async._sandbox.publishing import catch_up
from postiz_async._sandbox.refusals import HttpError
from postiz_async._sandbox.router import Route, find_route
from postiz_async._sandbox.state import OpenCall, Organization, ReceivedCall, SandboxState
from postiz_async._sandbox.throttle import Throttle, ThrottleDecision
from postiz_async._validation.javascript import as_list

BODY_LIMIT = 102_400
"""Largest size in bytes of a body that is parsed, after decompression."""

_FORM = "application/x-www-form-urlencoded"
_CHARSET = re.compile(r'charset="?([^";\s]+)', re.IGNORECASE)
_CODECS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}


def is_parsed(request: HttpRequest) -> bool:
    """Whether the server parses a body of this type."""
    return request.media_type in {"application/json", _FORM}


def read_body(request: HttpRequest) -> object:
    """Decode the body.

    Returns:
        The decoded JSON, the fields of a form, or None if there is nothing to read.

    Raises:
        HttpError: The body is too large, in an unknown charset, or malformed.
    """
    if not is_parsed(request) or not request.body:
        return None
    data = _inflate(request)
    if len(data) > BODY_LIMIT:
        raise refusals.status_only(413, "request entity too large")
    text = data.decode(_codec(request), errors="replace")
    if request.media_type == _FORM:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return read_json(text)
    except MalformedJSONError as error:
        raise refusals.bad_request(str(error)) from error
    except RecursionError as error:
        raise refusals.internal_error() from error


def _inflate(request: HttpRequest) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return request.body
    if encoding not in {"gzip", "deflate"}:
        raise refusals.status_only(415, f'unsupported content encoding "{encoding}"')
    # 32 lets zlib see by itself whether the stream has a gzip or a zlib header
    inflater = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        return inflater.decompress(request.body, BODY_LIMIT + 1)
    except zlib.error as error:
        raise refusals.bad_request(str(error)) from error


def _codec(request: HttpRequest) -> str:
    found = _CHARSET.search(request.headers.get("content-type", ""))
    charset = found.group(1).lower() if found else "utf-8"
    if charset not in _CODECS:
        raise refusals.status_only(415, f'unsupported charset "{charset.upper()}"')
    return _CODECS[charset]


_CREATED = 201
_REFUSED = refusals.status_only(429, "ThrottlerException: Too Many Requests")


def _answer(request: HttpRequest, result: object) -> Response:
    """The answer of a handler, or its result as JSON."""
    if isinstance(result, Response):
        return result
    return json_response(_CREATED if request.method == "POST" else 200, result)


class CreateRecord(NamedTuple):
    """One create call that was counted.

    Attributes:
        at: Monotonic time of the answer, or of the refusal.
        status: Status of the answer.
        posts: Number of posts that it stored.
    """

    at: float
    status: int
    posts: int


@dataclass(slots=True)
class Tally:
    """The counts of requests so far."""

    requests: int = 0
    refusals: int = 0
    creates: list[CreateRecord] = field(default_factory=list[CreateRecord])


class Pipeline:
    """Answers requests; may be used for several at a time."""

    def __init__(self, state: SandboxState, faults: Faults) -> None:
        self._state = state
        self._throttle = Throttle(state.limit, state.window)
        self._faults = faults
        self.tally = Tally()

    async def answer(self, request: HttpRequest, path: str) -> Response:
        """Answer a request to `path`, as the backend sees it.

        Raises:
            ConnectionLost: A fault made the answer disappear.
        """
        try:
            body = read_body(request)
            found = find_route(self._state.release, request.method, path)
            if found is None:
                raise refusals.not_found(f"Cannot {request.method} {request.target}")
            route, params = found
            return await self._serve(request, route, params, body)
        except HttpError as error:
            return error.response

    async def _serve(
        self, request: HttpRequest, route: Route, params: dict[str, str], body: object
    ) -> Response:
        fault, clock = self._faults.draw(route.name), self._state.clock
        if fault is not None:
            await before_authentication(fault, clock)
        if route.is_open:
            work = route.handler(OpenCall(self._state, request, body))
            response = _answer(request, await work)
        else:
            organization = self._authenticate(request)
            call = ReceivedCall(self._state, request, body, organization, params, fault)
            if route.name == "create_post":
                decision = self._throttle.hit(organization.id, clock.monotonic())
                if not decision.allowed:
                    return self._counted(_REFUSED.response, decision)
                response = self._counted(await self._handle(route, call), decision)
            else:
                response = await self._handle(route, call)
        return await after_handler(fault, clock, response) if fault else response

    def _counted(self, response: Response, decision: ThrottleDecision) -> Response:
        """Record the answer to a create, and add the headers of the limit."""
        posts = len(as_list(response.json())) if response.status == _CREATED else 0
        record = CreateRecord(self._state.clock.monotonic(), response.status, posts)
        self.tally.creates.append(record)
        self.tally.refusals += not decision.allowed
        return response.with_first(decision.headers)

    def _authenticate(self, request: HttpRequest) -> Organization:
        key = request.headers.get("authorization", "")
        if not key:
            raise refusals.plain(401, "No API Key found")
        if key.startswith("pos_"):
            organization = self._state.oauth.organization_of(key)
        else:
            known = (each for each in self._state.organizations if each.api_key == key)
            organization = next(known, None)
        if organization is None:
            kind = "OAuth token" if key.startswith("pos_") else "API key"
            raise refusals.plain(401, f"Invalid {kind}")
        if not organization.subscribed:
            raise refusals.plain(401, "No subscription found")
        return organization

    def lock_out(self, organization: Organization, seconds: float | None) -> None:
        """Refuse the creates of an organisation, for a whole block or what is left of one."""
        left = self._throttle.window if seconds is None else seconds
        if not 0 < left <= self._throttle.window:
            raise ValueError(f"a lock lasts up to {self._throttle.window:g} s, not {left:g} s")
        self._throttle.block(organization.id, self._state.clock.monotonic(), left)

    async def _handle(self, route: Route, call: ReceivedCall) -> Response:
        try:
            if call.fault is not None:
                await before_handler(call.fault, self._state.clock)
            catch_up(self._state)
            if route.name == "create_post":
                self._check_plan(call.organization)
            return _answer(call.request, await route.handler(call))
        except HttpError as error:
            return error.response

    def _check_plan(self, organization: Organization) -> None:
        allowed = organization.posts_per_month
        if allowed is not None and len(organization.posts.live_roots()) >= allowed:
            raise refusals.plan_limit("posts", "add more posts", self._state.host)
