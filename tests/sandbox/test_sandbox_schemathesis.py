"""Whatever schemathesis makes of the OpenAPI document, each answer is one that the document has.

A 500 is refused, as any status is that the document does not have for the route. About half of the
requests are sensible: of a channel or a post that is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from openapi_lab import DOCUMENT
from processes import PATIENCE
from sandbox_calls import create, item, png

from postiz_async.testing import SandboxServer, serve_sandbox

pytestmark = pytest.mark.exhaustive

ROUTES = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
ONLY_OPEN = {"list_media", "search_users"}
"""Routes that succeed on the newer of the two servers only."""
CHECKS = (
    "content_type_conformance",
    "ignored_auth",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
)
EXAMPLES = 20
FILE = "https://files.example/a.png"
A_DECADE = timedelta(days=3_650)
SENSIBLE: dict[str, object] = {
    "upload_from_url": {"url": FILE},
    "generate_video": {
        "type": "veo3",
        "output": "vertical",
        "customParams": {"prompt": "a cat", "images": []},
    },
    "video_function": {"identifier": "image-text-slides", "functionName": "loadVoices"},
    "trigger_tool": {"methodName": "channels"},
    "update_release_id": {"releaseId": "1"},
    "sandbox_set_faults": "reset:route=oauth_register",
    "sandbox_set_lock_out": "1",
    "sandbox_set_publish": "",
}


@pytest.fixture(scope="module")
def schemathesis() -> Any:
    return pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def http(schemathesis: Any) -> Iterator[Any]:
    with import_module("requests").Session() as session:  # which schemathesis uses
        session.trust_env = False
        yield session


@pytest.fixture(scope="module", params=["HEAD", "next"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """A server with a quota that nothing uses up, on which a video is made in no time."""
    with serve_sandbox(release=request.param, limit=10**9, speed=1e5) as served:
        served.add_remote_file(FILE, png(8, 8))
        if request.param == "next":
            served.add_member("ann@example.com", is_super_admin=True)
        yield served


def make_sensible(name: str, case: Any, server: SandboxServer, http: Any) -> None:
    """Let a request be of what is there."""
    channel = server.add_channel("discord" if name == "trigger_tool" else "mastodon").id
    date = (server.in_an_hour() + A_DECADE).isoformat()  # an hour of its clock is over at once
    if name == "create_post":
        case.body = create(item(str(case.body)[:400], to=channel), date=date)
    elif name in SENSIBLE:
        case.body = SENSIBLE[name]
    if "provider" in case.path_parameters:
        case.path_parameters["provider"] = "x"
    elif "id" in case.path_parameters:
        case.path_parameters["id"] = channel
        if case.path.startswith("/public/v1/posts/"):
            body = create(item(to=channel), date=date, type="draft")
            key = {"Authorization": server.api_key}
            url = f"{server.url}/public/v1/posts"
            [post] = http.post(url, json=body, headers=key, timeout=PATIENCE).json()
            server.change_post(post["postId"], release_id="missing")
            case.path_parameters["id"] = post["postId"]


def test_the_document_is_one_of_openapi() -> None:
    reason = "openapi-spec-validator is not installed"
    pytest.importorskip("openapi_spec_validator", reason=reason).validate(DOCUMENT)


@pytest.mark.parametrize("name", ROUTES)
def test_each_answer_is_documented(
    name: str, server: SandboxServer, schemathesis: Any, http: Any
) -> None:
    path, method, documented = ROUTES[name]
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    checks = [schemathesis.checks.CHECKS.get_one(each) for each in CHECKS]
    seen: Counter[int] = Counter()
    takes = documented.get("parameters") or "requestBody" in documented
    hangs = name == "find_slot"  # for an unknown channel, as the real one
    for mode in (
        list(schemathesis.GenerationMode) if takes else [schemathesis.GenerationMode.POSITIVE]
    ):

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            is_sensible=strategies.sampled_from([True, hangs]),
        )
        def ask(case: Any, is_sensible: bool) -> None:  # noqa: FBT001
            if is_sensible:
                make_sensible(name, case, server, http)
            key = {"Authorization": server.api_key}
            answer = case.call_and_validate(
                base_url=server.url, headers=key, checks=checks, session=http, timeout=PATIENCE
            )
            seen[answer.status_code] += 1

        ask()
    print(name, dict(seen))
    succeeds = name != "oauth_token" and (server.organization.members or name not in ONLY_OPEN)
    assert bool(seen.keys() & {200, 201, 204}) == bool(succeeds)


def test_a_refusal_for_the_quota_is_documented(schemathesis: Any, http: Any) -> None:
    path, method, _ = ROUTES["create_post"]
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    with serve_sandbox(limit=1, channels=["mastodon"]) as server:
        case = operation.Case(body=create(item(to=server.channel("mastodon").id)))
        key = {"Authorization": server.api_key}
        first, second = (
            case.call_and_validate(base_url=server.url, headers=key, session=http, timeout=PATIENCE)
            for _ in range(2)
        )
    assert [first.status_code, second.status_code] == [201, 429]
    assert int(second.headers["retry-after"][0]) > 3000
