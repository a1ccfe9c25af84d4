"""One address for quota, idempotency keys and outbox, and what it means where it cannot be all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from spread import spread

from postiz_async import (
    AdvancedOptions,
    NewPost,
    OutboxOptions,
    Postiz,
    PostizPool,
    Secret,
    UsageError,
    blocking,
)
from postiz_async.contrib.web import open_store
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from pathlib import Path

    from outbox_lab import OutboxLab
    from postgres_lab import Place

URL = "http://sandbox.invalid"


def client(lab: OutboxLab, **options: object) -> Postiz:
    return Postiz(
        api_key=lab.sandbox.organization.api_key,
        base_url=URL,
        advanced=AdvancedOptions(clock=lab.host, transport=SandboxTransport(lab.sandbox)),
        **options,
    )


@pytest.mark.parametrize("given", spread(["{}", "sqlite:{}", "path"], every=3))
async def test_quota_keys_and_outbox_are_in_one_file(file_lab: OutboxLab, given: str) -> None:
    lab = file_lab
    store = lab.path if given == "path" else given.format(lab.path)
    at = lab.at(24)
    async with client(lab, store=store, drain=math.inf) as postiz:
        keyed = await postiz.posts.schedule(lab.post(0), at=at, idempotency_key="k")
        for number in range(1, 30):
            await postiz.outbox.put(lab.post(number), at=lab.at(24))
    async with client(lab, store=store) as postiz:
        assert (await postiz.quota()).remaining == 0
        again = await postiz.posts.schedule(lab.post(0), at=at, idempotency_key="k")
        assert again == keyed
        assert await postiz.outbox.counts() == {"stored": 29}
    lab.assert_each_once(range(30))
    assert [path.name for path in lab.path.parent.iterdir()] == [lab.path.name]


async def test_a_database_has_all_of_it_too(lab_in_postgres: OutboxLab, place: Place) -> None:
    lab = lab_in_postgres
    options = OutboxOptions(schema=place.schema, keep=lab.options().keep)
    for address in (place.url, Secret(place.url)):
        async with client(lab, store=address, outbox=options, drain=math.inf) as postiz:
            await postiz.outbox.put(lab.post(str(address)), at=lab.at(24))
            assert await postiz.outbox.counts()
    assert len(lab.sandbox.posts) == 2
    assert place.run("SELECT count(*) FROM records WHERE key = ''") == [(1,)]


async def test_a_store_of_ones_own_has_no_outbox(file_lab: OutboxLab) -> None:
    lab = file_lab
    for store in (MemoryStore(), SqliteStore(lab.path)):
        async with client(lab, store=store) as postiz:
            with pytest.raises(UsageError, match=r"store='postiz\.sqlite'"):
                await postiz.outbox.put(lab.post(1))
    async with client(lab, store=MemoryStore(), outbox=lab.path) as postiz:
        ticket = await postiz.outbox.put(lab.post(1), at=lab.at(24))
        assert (await postiz.outbox.wait(ticket)).state == "stored"


@pytest.mark.parametrize("store", [None, MemoryStore()])
def test_an_outbox_without_a_place_is_refused(store: object) -> None:
    with pytest.raises(UsageError, match="has no place"):
        Postiz(api_key="k", store=store, outbox=OutboxOptions(late="send"))  # type: ignore[arg-type]


@pytest.mark.parametrize("store", [7, b"quota.sqlite", object()])
def test_what_is_no_store_is_refused(store: object) -> None:
    for make in (
        lambda: Postiz(api_key="k", store=store),  # type: ignore[arg-type]
        lambda: PostizPool(store=store),  # type: ignore[arg-type]
        lambda: open_store(store),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match="store must be the path of a file, the address of a"):
            make()


async def test_a_pool_needs_credentials_for_the_outbox_in_its_store(tmp_path: Path) -> None:
    async with PostizPool(
        store=tmp_path / "quota.sqlite", advanced=AdvancedOptions(transport=None)
    ) as pool:
        with pytest.raises(UsageError, match="credentials=key_of"):
            await pool.outbox.put(NewPost("c", "text"), organization="acme")

    async def key_of(organization: str) -> str:
        return organization

    with pytest.raises(UsageError, match="is in PostgreSQL"):
        PostizPool(store=tmp_path / "quota.sqlite", credentials=key_of)
    with pytest.raises(UsageError, match="is in PostgreSQL"):
        PostizPool(outbox=tmp_path / "outbox.sqlite", credentials=key_of)
    for half in ({"credentials": key_of}, {"outbox": "postgresql://localhost/x"}):
        with pytest.raises(UsageError, match="needs both"):
            PostizPool(**half)  # type: ignore[arg-type]
    for pool in (PostizPool, blocking.PostizPool):
        with pytest.raises(UsageError, match=r"must be a function .* not a str") as caught:
            pool(store="postgresql://host/db", credentials="key-of-acme")  # type: ignore[arg-type]
        assert "key-of-acme" not in str(caught.value)
