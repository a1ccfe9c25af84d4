"""The order in which a request is judged: body, route, key, limit, plan, and then the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postiz_async.sandbox.body import read_body
from postiz_async.sandbox.exchange import HttpRequest, Response
from postiz_async.sandbox.faults import Faults, after_work, before_judging, before_work
from postiz_async.sandbox.publishing import catch_up
from postiz_async.sandbox.refusals import Refusal, plain, plan_limit, status_only, unknown_route
from postiz_async.sandbox.routes import OpenRoute, Route, find_route
from postiz_async.sandbox.rules import is_list
from postiz_async.sandbox.state import ReceivedCall
from postiz_async.sandbox.views import CreateRecord

if TYPE_CHECKING:
    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.state import SandboxState
    from postiz_async.sandbox.throttle import Throttle, ThrottleDecision

__all__ = ["Judge", "Tally"]

_CREATED = 201
_TOO_MANY = 429


@dataclass(slots=True)
class Tally:
    """What was counted so far."""

    requests: int = 0
    refusals: int = 0
    creates: list[CreateRecord] = field(default_factory=list[CreateRecord])


class Judge:
    """Answers requests, one after another or many at a time."""

    def __init__(self, state: SandboxState, throttle: Throttle, faults: Faults) -> None:
        self._state = state
        self._throttle = throttle
        self._faults = faults
        self.tally = Tally()

    async def answer(self, request: HttpRequest, path: str) -> Response:
        """Answer a request to `path`, as the backend sees it.

        Raises:
            ConnectionLost: A fault made the answer disappear.
        """
        try:
            body = read_body(request)
            found = find_route(self._state.settings.release, request.method, path)
            if found is None:
                raise unknown_route(request.method, request.target)
            route, params = found
            return await self._serve(request, path, route, params, body)
        except Refusal as refusal:
            return refusal.response

    async def _serve(
        self,
        request: HttpRequest,
        path: str,
        route: Route | OpenRoute,
        params: dict[str, str],
        body: object,
    ) -> Response:
        fault = self._faults.draw(route.name)
        if fault is not None:
            await before_judging(fault, self._state.clock)
        if isinstance(route, OpenRoute):
            return await route.handler(self._state, request, body)
        organization = self._authenticate(request)
        verdict = self._count(request, path, route, organization)
        if verdict is not None and not verdict.allowed:
            return self._refuse(route, verdict)
        call = ReceivedCall(request, organization, params, body, fault)
        response = await self._work(route, call)
        if route.name == "create_post":
            self._record(response)
        if verdict is not None:
            headers = (*verdict.headers, *response.headers)
            response = Response(response.status, headers, response.body)
        return response if fault is None else await after_work(fault, self._state.clock, response)

    def _authenticate(self, request: HttpRequest) -> Organization:
        key = request.headers.get("authorization", "")
        if not key:
            raise plain(401, "No API Key found")
        if key.startswith("pos_"):
            organization = self._state.oauth.organization_of(key)
        else:
            known = (each for each in self._state.organizations if each.api_key == key)
            organization = next(known, None)
        if organization is None:
            kind = "OAuth token" if key.startswith("pos_") else "API key"
            raise plain(401, f"Invalid {kind}")
        if not organization.subscribed:
            raise plain(401, "No subscription found")
        return organization

    def _count(
        self, request: HttpRequest, path: str, route: Route, organization: Organization
    ) -> ThrottleDecision | None:
        """Count the request where its route is limited."""
        if not self._state.settings.release.throttles(request.method, path):
            return None
        # the monotonic clock: the counter of a real server knows nothing of our wall clock
        now = self._state.clock.monotonic()
        return self._throttle.hit(f"{route.name}-{organization.id}", now)

    def _refuse(self, route: Route, verdict: ThrottleDecision) -> Response:
        self.tally.refusals += 1
        refusal = status_only(_TOO_MANY, "ThrottlerException: Too Many Requests").response
        if route.name == "create_post":
            self._record(refusal)
        return Response(refusal.status, (*verdict.headers, *refusal.headers), refusal.body)

    async def _work(self, route: Route, call: ReceivedCall) -> Response:
        try:
            if call.fault is not None:
                await before_work(call.fault, self._state.clock)
            catch_up(self._state)
            if route.name == "create_post":
                self._check_plan(call.organization)
            return await route.handler(self._state, call)
        except Refusal as refusal:
            return refusal.response

    def _check_plan(self, organization: Organization) -> None:
        allowed = organization.posts_per_month
        if allowed is not None and len(organization.posts.live_roots()) >= allowed:
            raise plan_limit("posts", "add more posts", self._state.settings.host)

    def _record(self, response: Response) -> None:
        posts = response.json() if response.status == _CREATED else None
        count = len(posts) if is_list(posts) else 0
        record = CreateRecord(self._state.clock.monotonic(), response.status, count)
        self.tally.creates.append(record)
