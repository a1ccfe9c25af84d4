"""A blocking pool sends for its organisations, with keys that a plain function finds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from postgres_server import fresh_database, why_no_postgres

from postiz_async import NewPost
from postiz_async.blocking import PostizPool

if TYPE_CHECKING:
    from datetime import datetime

    from postiz_async.pytest_plugin import SandboxServer


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
def test_a_pool_sends_for_each_organisation(
    postiz_sandbox_server: SandboxServer, at: datetime
) -> None:
    postiz_sandbox_server.add_organization("globex", api_key="token-of-globex")
    keys = {"acme": postiz_sandbox_server.api_key, "globex": "token-of-globex"}
    channels = {
        "acme": postiz_sandbox_server.add_channel("mastodon").id,
        "globex": postiz_sandbox_server.add_channel("mastodon", organization="globex").id,
    }
    callers: set[str] = set()

    def key_of(organization: str) -> str:
        callers.add(threading.current_thread().name)
        return keys[organization]

    database = fresh_database()
    with PostizPool(
        base_url=postiz_sandbox_server.url, outbox=database, credentials=key_of
    ) as pool:
        tickets = [
            pool.outbox.put(NewPost(channel, name), organization=name, at=at)
            for name, channel in channels.items()
        ]
        assert [pool.outbox.wait(each.id).state.value for each in tickets] == ["stored"] * 2
        assert pool.outbox.troubles() == {}
        client = pool.client(keys["acme"], organization="acme")
        assert client.outbox.get(tickets[0].id).post_ids
    assert callers == {"AnyIO worker thread"}
    assert sorted(post.content for post in postiz_sandbox_server.posts) == ["acme", "globex"]
