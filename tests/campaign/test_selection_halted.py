"""A pause of the whole account halts all creates of clients that share its store."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, lists_of, rows

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool
from postiz_async.errors import (
    ConfigurationError,
    DeliveryUnknownError,
    HaltedError,
    StoreError,
    UsageError,
)
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Fault

DAY = timedelta(days=1)
AT = START + 30 * DAY


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, limit=300)
    made.channel("mastodon", id="news", name="News")
    async with made.sandbox:
        yield made


@pytest.fixture
def file(lab: Lab) -> Path:
    return lab.folder / "paused.jsonl"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def states(lab: Lab) -> dict[str, str]:
    return {post.content: post.state for post in lab.sandbox.posts}


async def schedule(postiz: Postiz, text: str, **options: Any) -> None:
    await postiz.posts.schedule(NewPost("news", text), at=AT, **options)


async def pause(lab: Lab, file: Path, store: MemoryStore, **which: Any) -> None:
    async with lab.client(store=store) as postiz:
        await postiz.stored_posts(**which).pause(file)


async def resume(lab: Lab, file: Path, store: MemoryStore, **options: Any) -> None:
    async with lab.client(store=store) as postiz:
        await postiz.stored_posts().resume(file, **options)


async def is_halted(lab: Lab, store: MemoryStore) -> bool:
    async with lab.client(store=store) as postiz:
        return bool((await postiz.quota()).halted)


async def test_after_a_pause_nothing_is_sent_until_it_is_taken_back(
    lab: Lab, file: Path, store: MemoryStore
) -> None:
    async with lab.client(store=store) as postiz:
        await schedule(postiz, "before")
        await pause(lab, file, store)
        began = lab.clock.time()
        with pytest.raises(HaltedError, match="posts resume FILE") as caught:
            await schedule(postiz, "meanwhile")
        error = caught.value
        assert error.by == f"{getpass.getuser()}@{socket.gethostname()}"
        assert 0 <= began - error.at.timestamp() < 60
        assert (error.may_be_stored, error.retry_after) == (False, 60.0)
        assert str(error.at.year) in (await postiz.quota()).halted
        assert (await postiz.posts.list(start=START, end=AT))[
            0
        ].state == "DRAFT"  # free calls go on
        await postiz.posts.set_status(lab.sandbox.posts[0].id, "draft")
        await resume(lab, file, store, dry_run=True)
        with pytest.raises(HaltedError):
            await schedule(postiz, "meanwhile")
        await resume(lab, file, store)
        await schedule(postiz, "after")
        assert (await postiz.quota()).halted == ""
    assert states(lab) == {"before": "QUEUE", "after": "QUEUE"}
    assert len(lab.creates) == 2


@pytest.mark.parametrize(
    ("which", "halts"),
    [
        ({}, True),
        ({"end": START + 400 * DAY}, True),
        ({"end": START + 300 * DAY}, False),
        ({"start": START}, False),
        ({"channel": "news"}, False),
        ({"state": "QUEUE"}, False),
        ({"tag": "launch"}, False),
        ({"text": "post"}, False),
    ],
)
async def test_only_a_pause_of_the_whole_account_halts(
    lab: Lab, file: Path, store: MemoryStore, which: dict[str, Any], *, halts: bool
) -> None:
    async with lab.client(store=store) as postiz:
        assert postiz.stored_posts(**which).takes_all is halts
        await postiz.stored_posts(**which).pause(file, dry_run=True)
    assert not await is_halted(lab, store)
    await pause(lab, file, store, **which)
    assert await is_halted(lab, store) is halts
    with pytest.raises(UsageError, match="without a filter"):
        async with lab.client(store=store) as postiz:
            await postiz.stored_posts(end=START + 400 * DAY).resume(file)


async def test_what_is_under_way_when_all_is_halted_is_paused_too(
    lab: Lab, file: Path, store: MemoryStore
) -> None:
    async with lab.client(store=store) as postiz:
        await schedule(postiz, "early")
        lab.sandbox.faults.add(Fault("late_work", route="create_post", delay=20))
        late = asyncio.create_task(schedule(postiz, "late"))
        await lab.clock.sleep(1)
        await pause(lab, file, store)
        assert late.done()
        assert states(lab) == {"early": "DRAFT", "late": "DRAFT"}
        await late


async def test_what_stays_a_draft_does_not_keep_the_halt(
    lab: Lab, file: Path, store: MemoryStore
) -> None:
    async with lab.client(store=store) as postiz:
        await schedule(postiz, "one")
    await pause(lab, file, store)
    await lab.clock.sleep(31 * 86_400)
    async with lab.client(store=store) as postiz:
        done = await postiz.stored_posts().resume(file)
    assert [*done.left] == ["late"]
    assert not await is_halted(lab, store)


async def test_who_pauses_during_a_resume_is_not_overruled(
    lab: Lab, file: Path, store: MemoryStore
) -> None:
    async with lab.client(store=store) as postiz:
        await schedule(postiz, "one")
        await pause(lab, file, store)
        other = lab.folder / "other.jsonl"
        await postiz.stored_posts().resume(file, on_outcome=lambda _: pause(lab, other, store))
    assert await is_halted(lab, store)
    assert states(lab) == {"one": "DRAFT"}
    await resume(lab, other, store)
    assert not await is_halted(lab, store)
    assert states(lab) == {"one": "QUEUE"}


async def test_an_older_server_is_not_halted(tmp_path: Path, store: MemoryStore) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    async with lab.sandbox:
        with pytest.raises(ConfigurationError, match=r"since Postiz v2\.21\.7"):
            await pause(lab, tmp_path / "paused.jsonl", store)
        assert not await is_halted(lab, store)


class Away(MemoryStore):
    """Cannot be written while `is_away`."""

    is_away = False

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if self.is_away:
            raise StoreError("away")
        return await super().swap(scope, key, version, value, keep=keep)


async def test_without_its_store_a_pause_changes_no_post(lab: Lab, file: Path) -> None:
    store = Away()
    async with lab.client(store=store) as postiz:
        await schedule(postiz, "one")
    store.is_away = True
    with pytest.raises(StoreError):
        await pause(lab, file, store)
    assert states(lab) == {"one": "QUEUE"}


# ------------------------------------------------------------------ all that sends


async def test_a_key_is_free_after_a_halt(lab: Lab, file: Path, store: MemoryStore) -> None:
    await pause(lab, file, store)
    async with lab.client(store=store) as postiz:
        for _ in range(2):
            with pytest.raises(HaltedError):
                await schedule(postiz, "one", idempotency_key="k")
        await resume(lab, file, store)
        await schedule(postiz, "another", idempotency_key="k")
        await schedule(postiz, "another", idempotency_key="k")
    assert states(lab) == {"another": "QUEUE"}


async def test_a_look_up_of_a_lost_answer_ends_with_the_halt(
    lab: Lab, file: Path, store: MemoryStore
) -> None:
    """It would have to send a create to be certain; it does not wait for hours."""
    async with lab.client(store=store) as postiz:
        lab.sandbox.faults.add(Fault("reset", route="create_post"))
        lost = asyncio.create_task(schedule(postiz, "lost", idempotency_key="k"))
        await lab.clock.sleep(5)
        await pause(lab, file, store)
        with pytest.raises(DeliveryUnknownError, match="All creates have been halted"):
            await lost
        assert lab.clock.time() - START.timestamp() < 3600
        await resume(lab, file, store)
        await schedule(postiz, "lost", idempotency_key="k")
    assert states(lab) == {"lost": "QUEUE"}


@pytest.mark.parametrize("begins", ["before", "after"])
async def test_a_run_of_another_client_stops_and_the_next_one_goes_on(
    tmp_path: Path, store: MemoryStore, begins: str
) -> None:
    lab = Lab(tmp_path, limit=2)
    lab.channel("mastodon", id="news")
    lab.write(rows(["news"], 6, hours=24 * 30))
    file = tmp_path / "paused.jsonl"
    async with lab.sandbox:
        if begins == "after":
            await pause(lab, file, store)
        async with lab.client(store=store) as postiz, lab.campaign(postiz) as campaign:
            running = asyncio.create_task(campaign.run())
            await lab.clock.sleep(600)
            if begins == "before":
                await pause(lab, file, store)
            else:
                assert lists_of(lab) == 0, "it ends before it looks for its rows"
            with pytest.raises(HaltedError):
                await running
        sent = len(lab.creates)
        assert (sent == 0) is (begins == "after")
        assert sent < 6
        assert set(states(lab).values()) <= {"DRAFT"}
        await resume(lab, file, store)
        async with lab.client(store=store) as postiz, lab.campaign(postiz) as campaign:
            report = await campaign.run()
        assert report.complete
        lab.assert_each_once(row["content"] for row in rows(["news"], 6, hours=24 * 30))
        assert set(states(lab).values()) == {"QUEUE"}


async def test_a_pool_halts_one_organisation(lab: Lab, file: Path, store: MemoryStore) -> None:
    one, two = map(lab.sandbox.add_organization, ("one", "two"))
    for each in (one, two):
        lab.sandbox.add_channel("mastodon", organization=each, id=f"news-{each.name}")
    lab.client()  # which makes the transport
    async with PostizPool(
        base_url="http://sandbox.invalid",
        store=store,
        advanced=AdvancedOptions(clock=lab.own_clock, transport=lab.transport),
    ) as pool:
        clients = [await pool.client(each.api_key, organization=each.name) for each in (one, two)]
        await clients[0].stored_posts().pause(file)
        with pytest.raises(HaltedError):
            await clients[0].posts.schedule(NewPost("news-one", "x"), at=AT)
        await clients[1].posts.schedule(NewPost("news-two", "y"), at=AT)
