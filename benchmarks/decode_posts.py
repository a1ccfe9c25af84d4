"""Decoding a list of 5,000 posts: the client's way against the bare decoders.

Claim: `wire.decode` (status, content type, struct) takes at most 1.1 times what bare msgspec takes
for the same structs. Baselines in the same run: msgspec without types, json, and pydantic v2 where
it is installed. Run: python benchmarks/decode_posts.py
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import msgspec
from figures import Figure, note, skip

from postiz_async._wire import WireResponse, decode
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.models.posts import PostList

if TYPE_CHECKING:
    from collections.abc import Callable

POSTS = 5_000
ROUNDS = 25


def body() -> bytes:
    """An answer of the size and shape that a server gives."""
    posts = [
        {
            "id": f"cmwv9y2sf{number:05d}p27d1usy9a4m",
            "content": f"<p>Post number {number}, with a text of some length and a link "
            f"https://example.com/{number} as people write them &amp; more of it, twice.</p>" * 2,
            "publishDate": f"2030-01-{number % 28 + 1:02d}T10:00:00.{number % 1000:03d}Z",
            "releaseURL": None,
            "releaseId": None,
            "state": "QUEUE",
            "intervalInDays": None,
            "group": "53c61b97-f276-4b06-816b-cc07a7cfbcca",
            "creationMethod": "API",
            "settings": '{"__type":"mastodon","client_ref":"abcdefghijkl"}',
            "tags": [{"tag": {"id": "t1", "name": "promo", "color": "#ff0000", "orgId": "o1"}}],
            "integration": {
                "id": "cmmastodon000000000000001",
                "providerIdentifier": "mastodon",
                "name": "northwind@mastodon.social",
                "picture": "https://cdn.example.com/avatars/mastodon.png",
            },
        }
        for number in range(POSTS)
    ]
    return json.dumps({"posts": posts}).encode()


def pydantic_reader(data: bytes) -> Callable[[], object] | None:
    """The same fields as pydantic models."""
    if importlib.util.find_spec("pydantic") is None:
        return None
    from datetime import datetime  # noqa: PLC0415

    pydantic: Any = importlib.import_module("pydantic")

    tag = pydantic.create_model("Tag", id=(str, ""), name=(str, ...), color=(str | None, None))
    post_tag: Any = pydantic.create_model("PostTag", tag=(tag, ...))
    channel = pydantic.create_model(
        "Channel", id=(str, ...), providerIdentifier=(str, ""), name=(str, "")
    )
    post: Any = pydantic.create_model(
        "Post",
        id=(str, ...),
        content=(str, ""),
        publishDate=(datetime, ...),
        state=(str, ""),
        group=(str | None, None),
        settings=(str | None, None),
        tags=(list[post_tag], []),
        integration=(channel | None, None),
    )
    posts = pydantic.create_model("Posts", posts=(list[post], ...))
    return lambda: posts.model_validate_json(data)


def main() -> None:
    data = body()
    response = WireResponse(200, {"content-type": "application/json; charset=utf-8"}, data)
    bare = msgspec.json.Decoder(PostList)
    untyped = msgspec.json.Decoder()
    ways: dict[str, Callable[[], object]] = {
        "this client (wire.decode)": lambda: decode(LIST_POSTS, response),
        "msgspec, the same structs": lambda: bare.decode(data),
        "msgspec, untyped": lambda: untyped.decode(data),
        "json.loads": lambda: json.loads(data),
    }
    with_pydantic = pydantic_reader(data)
    if with_pydantic is not None:
        ways["pydantic v2"] = with_pydantic
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.disable()
    for _ in range(ROUNDS):  # in turn, so that a drift of the machine hits all alike
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
            gc.collect()
    base = statistics.median(times["msgspec, the same structs"])
    print(f"{POSTS} posts, {len(data) / 1e6:.2f} MB, median of {ROUNDS}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"  {name:28} {median * 1e3:7.2f} ms   {median / base:5.2f} x bare msgspec")
    ratio = statistics.median(
        ours / theirs
        for ours, theirs in zip(
            times["this client (wire.decode)"], times["msgspec, the same structs"], strict=True
        )
    )
    figure = note(
        Figure(
            name=f"a list of {POSTS:,} posts",
            value=ratio * base * 1e3,
            unit="ms",
            baseline="msgspec, the same structs",
            base=base * 1e3,
            compared="ratio",
            target=1.1,
        )
    )
    print(f"  pair by pair: {ratio:.3f} ({figure.goal})")
    if with_pydantic is None:
        skip("pydantic is not installed: not compared")


if __name__ == "__main__":
    main()
