"""`Sandbox`: what a test says to a sandbox in its own event loop."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from samples import PNG

from postiz_async import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    DeliveryUnknownError,
    NewPost,
    Postiz,
    QuotaWaitError,
    UploadError,
    UsageError,
)
from postiz_async.oauth import OAuth, check_callback
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def schedule(postiz: Postiz, sandbox: Sandbox, text: str = "Hello") -> str:
    post = NewPost(sandbox.channel("mastodon"), text)
    (created,) = await postiz.posts.schedule(post, at=sandbox.in_an_hour())
    return created.post_id


async def test_locked_out_for_an_hour() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.lock_out()
    async with sandbox.client() as postiz:
        with pytest.raises(QuotaWaitError) as caught:
            await schedule(postiz.with_options(max_wait=5), sandbox)
        assert caught.value.retry_after == pytest.approx(3600, abs=2)
        with pytest.raises(QuotaWaitError):
            await schedule(postiz.with_options(max_wait=5), sandbox)
        began = sandbox.clock.monotonic()
        await schedule(postiz, sandbox)
    assert sandbox.clock.monotonic() - began >= 3595
    assert sandbox.refusals == 1


async def test_a_lock_that_ends_soon() -> None:
    """The whole window is free after it."""
    sandbox = Sandbox(channels="mastodon", limit=3)
    sandbox.lock_out(seconds=90)
    began = sandbox.clock.monotonic()
    async with sandbox.client() as postiz:
        for number in range(3):
            await schedule(postiz, sandbox, f"post {number}")
    assert 90 <= sandbox.clock.monotonic() - began < 100
    assert sandbox.refusals == 1


async def test_a_lock_is_of_one_organisation() -> None:
    sandbox = Sandbox(organizations=["acme", "globex"], channels=["mastodon"])
    sandbox.lock_out("globex")
    async with sandbox.client() as acme, sandbox.client("globex") as globex:
        await schedule(acme, sandbox)
        channel = sandbox.channel("mastodon", organization="globex")
        with pytest.raises(QuotaWaitError):
            await globex.with_options(max_wait=5).posts.schedule(
                NewPost(channel, "Hello"), at=sandbox.in_an_hour()
            )


async def test_latency_is_seconds_or_a_timedelta() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    assert sandbox.transport(latency=2) is sandbox.transport(latency=timedelta(seconds=2))
    async with sandbox.client(latency=timedelta(minutes=1)) as postiz:
        began = sandbox.clock.monotonic()
        with pytest.raises(APITimeoutError):
            await postiz.with_options(max_retries=0).channels.list()
        assert await postiz.with_options(timeout=timedelta(minutes=3)).channels.list()
        assert sandbox.clock.monotonic() - began > 120
    for latency in (-1, math.nan, "1s"):
        with pytest.raises(UsageError, match="latency"):
            sandbox.transport(latency=latency)  # type: ignore[arg-type]


async def test_a_pool_has_a_client_for_each_organisation() -> None:
    sandbox = Sandbox(organizations=["acme", "globex"], channels=["mastodon"], limit=1)
    began = sandbox.clock.monotonic()
    async with sandbox.client() as beside, sandbox.pool(latency=1.0) as pool:
        for each in sandbox.organizations:
            postiz = await pool.client(each.api_key, organization=each.name)
            channel = sandbox.channel("mastodon", organization=each)
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=sandbox.in_an_hour())
        assert 4 <= sandbox.clock.monotonic() - began < 60, "each has a quota of its own"
        assert len((await pool.health()).organizations) == 2
        assert not hasattr(pool, "outbox")
        at = sandbox.in_an_hour()
        assert len(await beside.posts.list(start=at - timedelta(hours=1), end=at)) == 1
    assert [post.content for post in sandbox.posts] == ["Hello"] * 2
    async with sandbox.pool() as pool:
        assert len(pool) == 0


async def test_an_answer_is_lost() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.lose_next_answer()
    async with sandbox.client() as postiz:
        with pytest.raises(DeliveryUnknownError):
            await schedule(postiz, sandbox)
        await schedule(postiz, sandbox, "Once more")
    assert len(sandbox.posts) == 2


async def test_published_before_its_date() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    async with sandbox.client() as postiz:
        one, two = await schedule(postiz, sandbox, "one"), await schedule(postiz, sandbox, "two")
        (published,) = sandbox.publish(two)
        assert (published.id, published.state) == (two, "PUBLISHED")
        assert published.date > datetime.fromtimestamp(sandbox.clock.time(), UTC)
        assert [post.state for post in sandbox.posts] == ["QUEUE", "PUBLISHED"]
        assert [post.id for post in sandbox.publish()] == [one]
        assert sandbox.publish() == ()
        seen = await postiz.posts.get(two)
        assert seen is not None
        assert seen.state == "PUBLISHED"
        assert seen.release_url is not None


async def test_published_when_its_hour_has_come() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    async with sandbox.client() as postiz:
        await schedule(postiz, sandbox)
        await sandbox.clock.sleep(3600)
    assert [post.state for post in sandbox.posts] == ["PUBLISHED"]


async def test_a_publication_fails_once() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.fail_next_publication("the token was revoked")
    async with sandbox.client() as postiz:
        await schedule(postiz, sandbox, "one")
        await schedule(postiz, sandbox, "two")
        sandbox.publish()
        assert sorted(post.state for post in sandbox.posts) == ["ERROR", "PUBLISHED"]
        notes = [each.content async for each in postiz.notifications.list()]
    assert any("the token was revoked" in note for note in notes)


async def test_words_are_refused() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.refuse("free money", because="This reads like spam")
    async with sandbox.client() as postiz:
        await schedule(postiz, sandbox, "Coffee, not money & free")
        with pytest.raises(BadRequestError, match="This reads like spam"):
            await schedule(postiz, sandbox, "FREE Money for all")
        post = NewPost(sandbox.channel("mastodon"), "A draft of free money")
        await postiz.posts.draft(post, at=sandbox.in_an_hour())
    assert len(sandbox.posts) == 2


async def test_words_are_refused_by_the_network() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.refuse("free money", because="This reads like spam", when="published")
    async with sandbox.client() as postiz:
        await schedule(postiz, sandbox, "Free money")
        (failed,) = sandbox.publish()
    assert failed.state == "ERROR"


async def test_an_organisation_has_what_is_its_own() -> None:
    sandbox = Sandbox(limit=1, channels=["mastodon", "x"], tags="News", release="v2.20.0")
    globex = sandbox.add_organization("Globex & Söhne")
    assert globex.api_key == "sandbox-globex-sohne"
    theirs = sandbox.add_channel("x", name="Theirs", organization=globex)
    async with sandbox.client() as ours, sandbox.client(globex) as postiz:
        assert [each.id for each in await postiz.channels.list()] == [theirs.id]
        assert len(await ours.channels.list()) == 2
        began = sandbox.clock.monotonic()
        await schedule(ours, sandbox)
        await postiz.posts.schedule(NewPost(theirs, "Hello"), at=sandbox.in_an_hour())
        assert sandbox.clock.monotonic() - began < 60
    assert [post.channel_id for post in sandbox.posts][1] == theirs.id


def test_a_channel_of_each_provider() -> None:
    sandbox = Sandbox(channels="all", release="v2.23.0")
    newest = Sandbox(channels="all")
    assert sandbox.channel("x").provider == "x"
    assert set(sandbox.providers) < set(newest.providers)
    assert len(newest.organization.channels) == len(newest.providers)


async def test_a_tag_that_posts_may_carry() -> None:
    sandbox = Sandbox(channels=["mastodon"], organizations=["acme", "globex"])
    sandbox.add_tag("News")
    sandbox.add_tag("Theirs", organization="globex")
    async with sandbox.client() as postiz:
        await postiz.posts.schedule(
            NewPost(sandbox.channel("mastodon"), "Hello"),
            at=sandbox.in_an_hour(),
            tags=["News", "Theirs"],
        )
    assert sandbox.posts[0].tags == ("News",)


async def test_it_starts_when_the_test_says() -> None:
    today = datetime.now(timezone(timedelta(hours=2)))
    sandbox = Sandbox(start=today, channels=["mastodon"])
    assert sandbox.in_an_hour() == pytest.approx(
        today + timedelta(hours=1), abs=timedelta(milliseconds=1)
    )
    async with sandbox.client() as postiz:
        await postiz.posts.schedule(
            NewPost(sandbox.channel("mastodon"), "Hello"), at=datetime.now(UTC) + timedelta(hours=1)
        )
    assert Sandbox().in_an_hour() == datetime(2027, 1, 15, 9, tzinfo=UTC)
    with pytest.raises(ValueError, match="start must be a datetime with a time zone, as "):
        Sandbox(start=datetime(2027, 1, 15))  # noqa: DTZ001


def test_mistakes_are_told() -> None:
    sandbox = Sandbox(channels=["x"], organizations=["acme"])
    with pytest.raises(ValueError, match=r"no provider 'mastodn'; did you mean 'mastodon'\?"):
        sandbox.add_channel("mastodn")
    with pytest.raises(LookupError, match="no organisation 'globex' in the sandbox, but acme"):
        sandbox.add_channel("x", organization="globex")
    with pytest.raises(LookupError, match="no channel of 'mastodon'; there are: x"):
        sandbox.channel("mastodon")
    with pytest.raises(ValueError, match="there is an organisation 'acme' already"):
        sandbox.add_organization("acme")
    with pytest.raises(ValueError, match="'Acme!' would have the key of 'acme'"):
        sandbox.add_organization("Acme!")
    with pytest.raises(LookupError, match="no post 'p1'"):
        sandbox.publish("p1")
    with pytest.raises(ValueError, match="a lock lasts up to 3600 s, not 7200 s"):
        sandbox.lock_out(seconds=7200)
    with pytest.raises(ValueError, match="no route 'create_posts'; say create_post, "):
        Fault("reset", route="create_posts")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": "drop"}, "there is no kind 'drop'; say drop_answer, "),
        ({"kind": "reset", "times": 0}, "times is at least 1, or None for ever, not 0"),
        ({"kind": "reset", "probability": 20}, "probability is between 0 and 1, not 20"),
        ({"kind": "hang", "delay": -1.0}, "delay is at least 0 seconds, not -1.0"),
    ],
)
def test_a_fault_that_could_never_strike_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Fault(**options)


async def test_a_client_as_in_another_process() -> None:
    sandbox = Sandbox(channels=["mastodon"], limit=1)
    async with sandbox.client() as here, sandbox.client(store=MemoryStore()) as there:
        await schedule(here, sandbox)
        with pytest.raises(QuotaWaitError):
            await schedule(there.with_options(max_wait=5), sandbox)


# ------------------------------------------------------------------ uploads that stall


async def test_a_source_that_stalls_on_the_sandboxs_clock_is_given_up() -> None:
    sandbox = Sandbox()

    async def source() -> AsyncGenerator[bytes]:
        yield PNG + bytes(100_000)
        await sandbox.clock.sleep(3600)
        yield b"the rest"

    async with sandbox.client() as postiz:
        with pytest.raises(UploadError, match="gave nothing for 60 s after 100,033 bytes"):
            await postiz.media.upload(source())
    assert sandbox.uploads == ()


async def test_an_upload_without_an_answer_is_given_up() -> None:
    sandbox = Sandbox()
    sandbox.add_fault(Fault("hang", route="upload_file", delay=3600))
    began = sandbox.clock.monotonic()
    async with sandbox.client() as postiz:
        with pytest.raises(APITimeoutError, match="did not answer for 60 s after"):
            await postiz.with_options(max_retries=0).media.upload(PNG)
    assert sandbox.clock.monotonic() - began == pytest.approx(60, abs=1)


# ------------------------------------------------------------------ OAuth


@pytest.mark.parametrize("name", [None, "globex"])
async def test_a_user_connects_refuses_and_disconnects(name: str | None) -> None:
    sandbox = Sandbox(organizations=["acme", "globex"])
    app = sandbox.add_oauth_app("Planner", "https://me.example/cb")
    known = {"client_id": app.client_id, "client_secret": app.client_secret or ""}
    oauth = OAuth(**known, front_url=sandbox.url, base_url=sandbox.url)
    asked = oauth.authorize_url("s1")
    denied = sandbox.deny(asked, organization=name)
    assert denied == "https://me.example/cb?error=access_denied&state=s1"
    assert sandbox.deny(app) == "https://me.example/cb?error=access_denied"
    async with sandbox:
        callback = sandbox.approve(asked, organization=name)
        transport = sandbox.transport()
        token = await oauth.exchange(check_callback(callback, "s1"), transport=transport)
        assert token.id == sandbox.organizations[0 if name is None else 1].id
        sandbox.revoke(app, organization="acme" if name else "globex")
        async with sandbox.client(name, api_key=token.access_token) as postiz:
            await postiz.channels.list()
            sandbox.revoke(app, organization=name)
            with pytest.raises(AuthenticationError, match="replaced or revoked"):
                await postiz.channels.list()


@pytest.mark.parametrize(
    "asked", ["https://postiz.example.com/oauth/authorize?client_id=x", "", "x"]
)
def test_nobody_is_asked_for_an_unknown_application(asked: str) -> None:
    with pytest.raises(ValueError, match="would not ask the user: Invalid client_id"):
        Sandbox().approve(asked)
    with pytest.raises(LookupError):
        Sandbox().approve(asked, organization="nobody")
