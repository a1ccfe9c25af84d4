"""What type checkers would find: a problem with a path, never an error from inside."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from postiz_async import InvalidPostError, NewPost, providers
from postiz_async._resources.create_body import input_type_problems
from postiz_async.models.media import Media
from postiz_async.models.posts import Html, Markdown, Mention, Text, ThreadPart
from postiz_async.testing import Sandbox

if typing.TYPE_CHECKING:
    from postiz_async.models.channels import Channel

PHOTO = Media(id="m", path="https://u.example/a.png")

MISFITS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no text": ({"content": None}, "content", "is None"),
    "a number": ({"content": 5}, "content", "is a number (5)"),
    "bytes": ({"content": b"a"}, "content", "is bytes"),
    "a list": ({"content": ["a"]}, "content", "is a list"),
    "markdown of a number": ({"content": Markdown(5)}, "content", "is a number"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    "a mention that is none": ({"content": Text("a", ("b",))}, "content.mentions.0", "is a string"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    "a number as id": (
        {"content": Text("a @b", (Mention(5, "b"),))},  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        "content.mentions.0.id",
        "is a number",
    ),
    "a path as medium": ({"media": ["a.png"]}, "media.0", "media.upload"),
    "one medium": ({"media": PHOTO}, "media", "a list of Media is expected"),
    "no media": ({"media": None}, "media", "is None"),
    "a text as thread": ({"thread": "abc"}, "thread", "is a string"),
    "no thread": ({"thread": None}, "thread", "is None"),
    "a number in a thread": ({"thread": ["a", 5]}, "thread.1", "is a number"),
    "a number in a part": ({"thread": [ThreadPart(5)]}, "thread.0.content", "is a number"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    "a path in a part": (
        {"thread": [ThreadPart("a", ("a.png",))]},  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        "thread.0.media.0",
        "media.upload",
    ),
    "a text as delay": (
        {"thread": [ThreadPart("a", delay_minutes="5")]},  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        "thread.0.delay_minutes",
        "is a string ('5')",
    ),
    "a list of settings": ({"settings": [1]}, "settings", "is a list"),
    "a text as settings": ({"settings": "x"}, "settings", "is a string"),
    "the class of settings": (
        {"settings": providers.Mastodon},
        "settings",
        "is the class Mastodon",
    ),
    "no channel": ({"channel": None}, "channel", "is None"),
    "a number as channel": ({"channel": 5}, "channel", "is a number"),
    "settings of another": ({"settings": {"__type": "x"}}, "settings", "are those of 'x'"),
}


@pytest.mark.parametrize("name", MISFITS)
async def test_a_wrong_type_is_a_problem_with_a_path(name: str) -> None:
    local = Sandbox()
    channel = local.add_channel("mastodon")
    given, where, part = MISFITS[name]
    post = NewPost(**{"channel": channel, "content": "a", **given})
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(post, at=local.in_an_hour())
    (problem,) = caught.value.problems
    assert problem.where == f"posts.0.{where}"
    assert part in str(problem)
    assert not local.creates


@pytest.mark.parametrize(
    ("given", "where", "part"),
    [
        ({"at": "2030-01-01T10:00:00Z"}, "at", "is a string ('2030-01-01T10:00:00Z')"),
        ({"at": None}, "at", "is None"),
        ({"at": 1_893_456_000}, "at", "is a number"),
        ({"tags": "news"}, "tags", "is a string ('news')"),
        ({"tags": [5]}, "tags.0", "is a number"),
        ({"tags": None}, "tags", "is None"),
    ],
)
@pytest.mark.parametrize("verb", ["schedule", "draft"])
async def test_moment_and_tags(verb: str, given: dict[str, Any], where: str, part: str) -> None:
    local = Sandbox()
    post = NewPost(local.add_channel("mastodon"), "a")
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await getattr(postiz.posts, verb)(post, **{"at": local.in_an_hour(), **given})
    (problem,) = caught.value.problems
    assert problem.where == where
    assert part in str(problem)


async def test_what_is_no_post() -> None:
    local = Sandbox()
    async with local.client() as postiz:
        hello: Any = "Hello"
        with pytest.raises(InvalidPostError, match=r"posts\.0: is a string \('Hello'\)"):
            await postiz.posts.publish_now(hello)
        posts: Any = [hello]
        with pytest.raises(InvalidPostError, match=r"posts\.0: is a list .*put a \* before a list"):
            await postiz.posts.publish_now(posts)


def test_what_is_declared_is_no_problem() -> None:
    local = Sandbox()
    channel: Channel = local.add_channel("mastodon")
    part = ThreadPart(Markdown("a"), (PHOTO,), delay_minutes=5)
    for content in ("a", Text("a", (Mention("1", "b"),)), Markdown("a"), Html("<p>a</p>")):
        post = NewPost(channel, content, [PHOTO], {"a": 1}, [content, part])
        assert list(input_type_problems(post, "")) == []
    assert list(input_type_problems(NewPost("c", settings=providers.X()), "")) == []
