"""What may go to another process, as through Celery or a ProcessPoolExecutor, and what may not."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postiz_async import (
    Html,
    Markdown,
    NewPost,
    OutboxOptions,
    Postiz,
    PostizError,
    PostizPool,
    Secret,
    blocking,
)
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.postgres import PostgresStore
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing import Sandbox

KEY = "hunter2-is-secret"
DATABASE = f"postgresql://user:{KEY}@127.0.0.1:1/database"

WAYS: list[Callable[[Any], object]] = [
    lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301
    copy.deepcopy,
]


def assert_refused(value: object) -> None:
    for way in WAYS:
        with pytest.raises(TypeError, match=r"neither pickled nor copied.*other process") as caught:
            way(value)
        assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "make",
    [
        lambda path: Postiz(
            api_key=KEY, base_url="http://127.0.0.1:1", outbox=path / "outbox.sqlite"
        ),
        lambda _: PostizPool(store=MemoryStore()),
        lambda _: blocking.Postiz(api_key=KEY, base_url="http://127.0.0.1:1"),
        lambda _: MemoryStore(),
        lambda path: SqliteStore(path / "quota.sqlite"),
        lambda _: PostgresStore(DATABASE),
    ],
)
def test_what_has_connections_or_a_key_stays_in_its_process(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    assert_refused(make(tmp_path))


def test_a_secret_is_not_pickled_also_where_it_is_in_something_else() -> None:
    for value in (Secret(KEY), OutboxOptions(DATABASE), [Secret(KEY)]):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            pickle.dumps(value)
        assert copy.deepcopy(value) == value, "which stays in this process"


async def test_an_open_client_and_what_belongs_to_it_stay_in_their_process(tmp_path: Path) -> None:
    local = Sandbox(channels=["mastodon"], api_key=KEY)
    async with local.client(outbox=str(tmp_path / "outbox.sqlite")) as postiz:
        rows = [{"channel": "mastodon", "date": "2035-01-01T00:00Z", "content": "a"}]
        async with postiz.campaign(rows, journal=tmp_path / "campaign.journal") as campaign:
            for value in (
                postiz,
                postiz.with_options(timeout=5),
                postiz.posts,
                postiz.posts.schedule,
                postiz.channels,
                postiz.media,
                postiz.outbox,
                campaign,
            ):
                assert_refused(value)


async def test_posts_results_and_errors_go_everywhere(tmp_path: Path) -> None:
    local = Sandbox(channels=["mastodon", "telegram"])
    at = local.in_an_hour()
    new = NewPost("mastodon", Markdown("**hi**"), thread=(Html("<b>more</b>"),))
    seen: list[object] = [new]
    path = tmp_path / "campaign.jsonl"
    row = {"channel": "telegram", "date": at.isoformat(), "content": "a row"}
    path.write_text(json.dumps(row), encoding="utf-8")
    async with local.client(outbox=str(tmp_path / "outbox.sqlite")) as postiz:
        seen += await postiz.channels.list()
        seen += await postiz.posts.schedule(new, at=at)
        ticket = await postiz.outbox.put(new, at=at)
        seen += [ticket, await postiz.outbox.wait(ticket.id)]
        seen += await postiz.posts.list(start=at, end=at + timedelta(hours=1))
        async with postiz.campaign(path) as campaign:
            seen += [await campaign.plan(), await campaign.run()]
        seen += [await postiz.quota(), await postiz.with_raw_response(postiz.channels.list())]
        seen += [OutboxOptions("outbox.sqlite")]
        for value in seen:
            assert [way(value) for way in WAYS] == [value, value]
        local.lose_next_answer()
        for call in (
            postiz.posts.schedule(NewPost("mastodon", "lost"), at=at),
            postiz.posts.schedule(NewPost("nobody", "a"), at=at),
            postiz.posts.get("nothing"),
        ):
            with pytest.raises(PostizError) as caught:
                await call
            for way in WAYS:
                twin: Any = way(caught.value)
                assert type(twin) is caught.type
                assert str(twin) == str(caught.value)
                assert vars(twin) == vars(caught.value)
