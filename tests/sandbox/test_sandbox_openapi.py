"""The OpenAPI document: up to date, served, and true of what a real server took and answered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_lab import DOCUMENT, PAGE, make_openapi, misfits, operation_of, schema_misfits
from recorded import TOPICS, exchanges
from sandbox_calls import MASTODON, create, request

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import control
from postiz_async._sandbox.router import ROUTES


def test_it_is_up_to_date() -> None:
    made = make_openapi.pages()[PAGE]
    assert PAGE.read_text(encoding="utf-8") == made, "run: python docs/make_openapi.py"


def test_it_has_each_route_of_the_api() -> None:
    listed = [
        (operation["operationId"], method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/public/v1/")
    ]
    assert sorted(listed) == sorted((route.name, route.method) for route in ROUTES)


def test_a_route_that_the_sandbox_lacks_is_named() -> None:
    with pytest.raises(LookupError, match="the sandbox has no route 'list_moons'"):
        make_openapi.handler_of("list_moons")


async def test_the_sandbox_serves_it_and_what_it_says_of_the_sandbox() -> None:
    async with MemoryServer() as sandbox:
        sandbox.add_channel("mastodon", id=MASTODON)
        assert (await sandbox.handle(request("POST", "/posts", create()))).status == 201
        assert control(sandbox, "GET", "/sandbox/openapi.json").json() == DOCUMENT
        pages = [path for path in DOCUMENT["paths"] if path.startswith("/sandbox/")]
        read = {path: operation_of("GET", path) for path in pages}
        assert sum(operation is not None for operation in read.values()) == 5
        for path, operation in read.items():
            if operation is not None:
                answer = control(sandbox, "GET", path)
                assert misfits(operation, answer.status, answer.json()) == []


def recorded() -> Iterator[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Each recorded exchange of a documented route: name, operation, request and answer."""
    for topic in TOPICS:
        for exchange in exchanges(topic):
            request, answer = exchange["request"], exchange["response"]
            operation = operation_of(request["method"], request["path"])
            if operation is not None and answer is not None:
                yield f"{topic}: {exchange['name']}", operation, request, answer


def is_kept(answer: dict[str, Any]) -> bool:
    """Whether the recording has the body; some only say how long it was, or where it is."""
    return not str(answer.get("body", "")).startswith("<")


KEY_NOT_LOOKED_UP = {
    "outages: the key look-up fails in the database: GET is-connected",
    "outages: the key look-up fails in the database: POST posts",
    "outages: the key look-up fails in the database: unknown key",
}
"""401 without a body, of which the document speaks in words."""


def test_real_answers_are_as_it_says() -> None:
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    for name, operation, _, answer in recorded():
        if name in KEY_NOT_LOOKED_UP:
            assert (answer["status"], answer.get("body")) == (401, "")
        elif is_kept(answer):
            found = misfits(operation, answer["status"], answer.get("body"))
            wrong += [f"{name}: {operation['operationId']} {each}" for each in found]
            tally[operation["operationId"]] += 1
        else:
            assert str(answer["status"]) in operation["responses"]
    assert wrong == []
    assert tally.total() > 480
    documented = {route.name for route in ROUTES} - {"list_media"}  # which is only proposed
    assert documented <= set(tally)


COERCED = {
    "posts-errors: type missing": "create_post",
    "posts-errors: type unknown": "create_post",
    "posts-errors: shortLink as string": "create_post",
    "posts-errors: content a number": "create_post",
    "posts-errors: settings as string": "create_post",
    "posts-lifecycle: release-id: number": "update_release_id",
}
"""What a server takes although nobody should send it."""


def test_requests_that_a_real_server_took_are_as_it_says() -> None:
    queries: dict[str, set[str]] = defaultdict(set)
    wrong: dict[str, str] = {}
    for name, operation, sent, answer in recorded():
        if answer["status"] >= 300:
            continue
        queries[operation["operationId"]] |= set(sent["query"])
        content, body = operation.get("requestBody", {}).get("content", {}), sent["body"]
        is_json = "application/json" in content and isinstance(body, dict)
        if is_json and schema_misfits(content, body):
            wrong[name] = operation["operationId"]
    assert wrong == COERCED
    taken = {name: names for name, names in queries.items() if names}
    documented = {name: set(query) for name, query in make_openapi.QUERIES.items()}
    assert documented.pop("list_media")
    assert taken == documented


def test_creates_have_the_headers_of_the_quota() -> None:
    seen: dict[int, set[frozenset[str]]] = defaultdict(set)
    for _, operation, _, answer in recorded():
        if operation["operationId"] == "create_post":
            limits = {each for each in answer["headers"] if each.startswith(("X-Rate", "Retry"))}
            said = operation["responses"].get(str(answer["status"]), {}).get("headers", {})
            assert limits <= set(said), answer
            seen[answer["status"]].add(frozenset(limits))
    assert frozenset({"Retry-After"}) in seen[429]
    assert len(seen[201]) == 1
    assert len(next(iter(seen[201]))) == 3
