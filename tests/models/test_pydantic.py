"""Values as types of pydantic and FastAPI: they are read, written, and have a schema."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError
from spread import spread
from value_kinds import KINDS
from web_lab import call, serving

from postiz_async import Html, Media, NewPost, Post, PostRequest, Quota, Ticket
from postiz_async._delivery.outcomes import RowState
from postiz_async.models._base import Value
from postiz_async.models.posts import PostChannel, PublishEvent
from postiz_async.types import Outcome, PoolHealth

POST = Post(
    id="p1",
    publish_date=datetime(2030, 1, 1, 9, tzinfo=UTC),
    content="<p>Hello</p>",
    channel=PostChannel(id="c1", provider="x"),
    tags=["launch"],
)
TICKET = Ticket("t1", RowState.STORED, POST.publish_date, 0.0, ("p1",))
QUOTA = Quota.from_dict(
    dict.fromkeys(("limit", "remaining", "resets_in", "bulk_waits_for", "bulk_in", "as_of"), None)
    | {"next_in": 0.0, "in_flight": 0, "queued": {}, "blocked": False, "blocked_for": 0.0}
)

NOTHING = {"total": 1, "clients": 1, "calls": 0, "queued": QUOTA.queued.to_dict(), "in_flight": 0}
NOTHING |= {"refused": 0}
HEALTH = PoolHealth.from_dict(
    {
        "organizations": [
            {"organization": "acme", "base_url": "", "quota": QUOTA.to_dict(), "calls": 0}
            | {"trouble": "locked out"}
        ],
        **NOTHING,
        "blocked": 1,
        "outbox": None,
        "troubles": {"acme": "locked out"},
        "trouble": "",
    }
)


class Shown(BaseModel):
    post: Post
    others: list[Post] = []
    medium: Media | None = None


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/posts")
    async def posts() -> list[Post]:
        return [POST]

    @app.get("/models", response_model=list[Post])
    async def models() -> object:
        return [POST]

    @app.get("/shown")
    async def shown() -> Shown:
        return Shown(post=POST, others=[POST])

    @app.get("/quota")
    async def quota() -> Quota:
        return QUOTA

    @app.get("/ticket")
    async def ticket() -> Ticket | None:
        return TICKET

    @app.get("/event")
    async def event() -> dict[str, PublishEvent]:
        return {"last": PublishEvent(POST)}

    @app.get("/outcomes", response_model=list[Outcome])
    async def outcomes() -> object:
        return [Outcome(2, "a", RowState.STORED, "p1")]

    @app.post("/announce")
    async def announce(post: Annotated[NewPost, Body()]) -> NewPost:
        return post

    @app.post("/many")
    async def many(posts: list[NewPost], body: Annotated[PostRequest, Body()]) -> int:
        return len(posts) + len(body.posts)

    app.add_api_route("/health", lambda: HEALTH, response_model=PoolHealth)
    return app


ANSWERS: dict[str, object] = {
    "/posts": [POST.to_dict()],
    "/models": [POST.to_dict()],
    "/shown": {"post": POST.to_dict(), "others": [POST.to_dict()], "medium": None},
    "/quota": QUOTA.to_dict(),
    "/ticket": TICKET.to_dict(),
    "/health": HEALTH.to_dict(),
    "/event": {"last": {"post": POST.to_dict(), "reason": ""}},
    "/outcomes": [Outcome(2, "a", RowState.STORED, "p1").to_dict()],
}


async def test_answers_are_values_and_as_the_schema_says() -> None:
    async with serving(application()) as session:
        _, document = await call(session, "GET", "/openapi.json")
        for path, expected in ANSWERS.items():
            assert await call(session, "GET", path) == (200, expected)
            answers = document["paths"][path]["get"]["responses"]
            schema = answers["200"]["content"]["application/json"]["schema"]
            validator = Draft202012Validator({"components": document["components"], **schema})
            validator.validate(expected)
            assert not validator.is_valid(7), path


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"include": {"post": {"id", "content"}}}, {"id", "content"}),
        ({"exclude": {"post": {"settings", "tags"}}}, set(POST.to_dict()) - {"settings", "tags"}),
        ({"exclude_none": True}, {key for key, said in POST.to_dict().items() if said is not None}),
    ],
)
def test_what_a_dump_leaves_out_is_left_out_of_values(
    options: dict[str, Any], kept: set[str]
) -> None:
    shown = Shown(post=POST)
    assert set(shown.model_dump(**options)["post"]) == kept
    assert set(json.loads(shown.model_dump_json(**options))["post"]) == kept


def test_none_is_left_out_of_what_is_in_a_value() -> None:
    said = Shown(post=POST).model_dump(exclude_none=True)["post"]
    assert None not in [*said["integration"].values()]
    assert said["integration"]["id"] == "c1"
    assert "picture" not in said["integration"]


async def test_the_document_of_an_application_has_each_value_once() -> None:
    async with serving(application()) as session:
        _, document = await call(session, "GET", "/openapi.json")
    components = document["components"]["schemas"]
    assert {"Post", "PostChannel", "Media", "Quota", "Queued"} <= set(components)
    assert not [name for name in components if "__" in name], "a value has two components"
    for name, schema in components.items():
        Draft202012Validator.check_schema(schema)
        assert all(target in components for target in references(schema)), name
    post = components["Post"]
    assert post["required"] == ["id", "publishDate"]
    assert post["properties"]["publishDate"] == {"type": "string", "format": "date-time"}
    assert post["properties"]["tags"]["items"] == {"type": "string", "title": "Name"}
    content = components["NewPost"]["properties"]["content"]
    assert set(references(content)) == {"Text", "Markdown", "Html"}
    assert "Args:" not in components["NewPost"]["description"]


def references(schema: object) -> list[str]:
    """The components that a schema names, wherever it does."""
    if isinstance(schema, dict):
        return [name for each in schema.values() for name in references(each)]
    if isinstance(schema, list):
        return [name for each in schema for name in references(each)]
    prefix = "#/components/schemas/"
    is_one = isinstance(schema, str) and schema.startswith("#/")
    assert not is_one or str(schema).startswith(prefix), schema
    return [str(schema).removeprefix(prefix)] if is_one else []


async def test_a_body_is_a_value_and_what_is_wrong_has_its_path() -> None:
    async with serving(application()) as session:
        said = {"channel": "c", "content": "Hello", "thread": ["more"]}
        status, answer = await call(session, "POST", "/announce", json=said)
        assert status == 200
        assert answer == NewPost("c", "Hello", thread=["more"]).to_dict()
        said |= {"content": {"type": "html", "source": "<p>Hello</p>"}}
        _, answer = await call(session, "POST", "/announce", json=said)
        assert NewPost.from_dict(answer).content == Html("<p>Hello</p>")
        said |= {"media": [{"id": "m", "path": 7}]}
        status, answer = await call(session, "POST", "/announce", json=said)
        assert status == 422
        [problem] = answer["detail"]
        assert problem["loc"] == ["body", "media", 0, "path"]
        assert problem["msg"] == "expected `str`, got `int`"
        assert problem["type"] == "postiz_value"
        body = {"posts": [{"channel": "c"}, {}], "body": {"type": "draft", "date": "", "posts": []}}
        status, answer = await call(session, "POST", "/many", json=body)
        assert [problem["loc"] for problem in answer["detail"]] == [["body", "posts", 1]]


def test_a_field_of_a_model() -> None:
    shown = Shown(post=POST)
    assert shown.post is POST
    assert Shown.model_validate({"post": POST.to_dict()}) == shown
    assert Shown.model_validate({"post": POST.to_dict(names="python")}) == shown
    assert Shown.model_validate_json(shown.model_dump_json()) == shown
    assert shown.model_dump() == {"post": POST.to_dict(), "others": [], "medium": None}
    with pytest.raises(ValidationError) as caught:
        Shown.model_validate({"post": POST.to_dict() | {"integration": {"id": 5}}})
    assert caught.value.errors()[0]["loc"] == ("post", "integration", "id")


@pytest.mark.parametrize("mode", ["validation", "serialization"])
@pytest.mark.parametrize("kind", spread(KINDS, every=4), ids=lambda kind: kind.__name__)
def test_each_value_has_a_schema(kind: type[Value], mode: Any) -> None:
    schema = TypeAdapter(kind).json_schema(mode=mode)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"


def test_without_pydantic_values_work() -> None:
    """And who does not use it does not import it."""
    script = (
        "import sys, importlib.abc\n"
        "class Gone(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in ('pydantic', 'pydantic_core'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "from postiz_async import Media, Quota, Ticket\n"
        "print(Media.from_dict(Media(id='m', path='p').to_dict()).id)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "m\n"
