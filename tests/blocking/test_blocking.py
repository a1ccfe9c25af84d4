"""Blocking classes have what the asynchronous ones have, and their stub; all of it works."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samples import PNG

import postiz_async
from postiz_async import (
    DeliveryUnknownError,
    InvalidPostError,
    NewPost,
    PostNotFoundError,
    QuotaWaitError,
    UsageError,
    blocking,
)
from postiz_async._sandbox import Fault
from postiz_async.blocking import Postiz, PostizPool
from postiz_async.blocking._proxy import Twin, class_of
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from postiz_async.models.posts import Post
    from postiz_async.pytest_plugin import SandboxServer

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import make_blocking

ROOT = Path(postiz_async.__file__).parent
STUB = make_blocking.Stub()
TEXT = STUB.text()
KINDS = {kind.__name__: kind for kind in STUB.kinds}


# ------------------------------------------------------------------ what there is


def test_the_stub_is_as_it_would_be_made_today() -> None:
    assert make_blocking.STUB.read_text(encoding="utf-8") == TEXT, (
        "run: python docs/make_blocking.py"
    )


def test_the_stub_shows_nothing_asynchronous() -> None:
    code = re.sub(r'""".*?"""', "", TEXT, flags=re.DOTALL)
    assert not re.search(r"\basync\b|Async|Awaitable|Coroutine|Listing|CampaignRun", code)


def public(kind: type) -> set[str]:
    """Methods, properties and declared attributes of an asynchronous class."""
    hints = {name for each in kind.__mro__ for name in getattr(each, "__annotations__", ())}
    found = {name: inspect.getattr_static(kind, name, None) for name in {*dir(kind), *hints}}
    return {
        name
        for name, each in found.items()
        if not name.startswith("_")
        and (name in hints or inspect.isfunction(each) or isinstance(each, property))
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_blocking_class_and_its_stub_have_what_its_class_has(name: str) -> None:
    kind, made = KINDS[name], class_of(KINDS[name])
    assert made is not None
    wanted = {"close" if each == "aclose" else each for each in public(kind)}
    assert {each for each in dir(made) if not each.startswith("_")} - {"outcomes"} == wanted
    stub = TEXT.partition(f"\nclass {make_blocking.name_of(kind)}:")[2].partition("\nclass ")[0]
    assert set(re.findall(r"^    def ([a-z]\w*)", stub, re.MULTILINE)) - {"outcomes"} == wanted
    for each in wanted:
        member = getattr(made, each)
        text = inspect.getdoc(member)
        if not isinstance(member, property):
            original = getattr(kind, "aclose" if each == "close" else each)
            named = inspect.signature(original).parameters.keys() - {"connection"}
            assert (
                each == "with_raw_response" or inspect.signature(member).parameters.keys() == named
            )
            assert text, each
        assert not re.search(r"\bawait \w|\baclose\b|may be asynchronous", text or ""), (each, text)


def test_nothing_asynchronous_comes_out_of_a_blocking_class() -> None:
    """Whatever its members give either has a blocking class, or nothing to await."""
    awaited = set[str]()
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if {"_sandbox", "_cli", "contrib", "blocking", "__main__"} & set(parts):
            continue
        module = import_module(".".join(["postiz_async", *parts]).removesuffix(".__init__"))
        for name, kind in inspect.getmembers(module, inspect.isclass):
            members = inspect.getmembers(kind, inspect.iscoroutinefunction)
            if any(not each.startswith("_") or each == "__aenter__" for each, _ in members):
                awaited.add(name)
    given = set(re.findall(r"\w+", " ".join(re.findall(r"-> (.*):$", TEXT, re.MULTILINE))))
    assert {name.removeprefix("_") for name in given} & awaited <= KINDS.keys() | {"Clock"}
    assert KINDS.keys() == {
        *("Postiz", "PostizPool", "Posts", "MediaResource", "Channels", "Analytics", "Users"),
        *("Notifications", "Outbox", "PoolOutbox", "Campaign", "SentCampaign", "PostSelection"),
    }


def test_private_attributes_are_not_shown(postiz: Postiz, tmp_path: Path) -> None:
    campaign: Any = postiz.sent_campaign(tmp_path / "rows.csv")
    for proxy in (postiz, postiz.posts, postiz.with_options(timeout=1), campaign):
        assert isinstance(proxy, Twin)
        hidden = {name for name in vars(proxy._target) if name.startswith("_")}
        assert hidden
        assert not any(hasattr(proxy, name) for name in hidden)
        assert set(vars(proxy)) == {"_portal", "_target"}


def test_classes_are_named_for_annotations_and_checks(postiz: Postiz, tmp_path: Path) -> None:
    assert isinstance(postiz, blocking.Postiz)
    assert isinstance(postiz.campaign(tmp_path / "rows.csv"), blocking.Campaign)
    assert {"posts", "quota", "close"} <= set(dir(postiz))
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = blocking.NoSuchThing  # type: ignore[attr-defined]


# ------------------------------------------------------------------ and works


def test_a_scheduled_post_is_not_replaced_into_the_past(
    postiz: Postiz, channel: str, at: datetime
) -> None:
    (created,) = postiz.posts.schedule(NewPost(channel, "x"), at=at)
    with pytest.raises(InvalidPostError, match="has passed"):
        postiz.posts.replace(
            created.post_id, NewPost(channel, "new"), at=at - timedelta(days=10_000)
        )


def test_posts_are_made_listed_and_deleted(postiz: Postiz, channel: str, at: datetime) -> None:
    [created] = postiz.posts.schedule(NewPost(channel, "hello"), at=at)
    around = {"start": at - timedelta(hours=1), "end": at + timedelta(hours=1)}
    assert [post.id for post in postiz.posts.list(**around)] == [created.post_id]
    listed = postiz.posts.list(**around)
    assert (type(listed), listed[0].content) == (list, "hello")
    raw = postiz.with_raw_response(postiz.posts.list, **around)
    assert (raw.value, raw.status) == (listed, 200)
    assert not postiz.notifications.list()
    assert postiz.posts.get(created.post_id).id == created.post_id
    assert postiz.posts.delete(created.post_id) is True
    with pytest.raises(PostNotFoundError):
        postiz.posts.get(created.post_id)


def test_a_lost_answer_is_looked_up(
    postiz: Postiz, channel: str, at: datetime, postiz_sandbox_server: SandboxServer
) -> None:
    postiz_sandbox_server.add_fault(Fault("drop_answer", route="create_post"))
    with pytest.raises(DeliveryUnknownError) as raised:
        postiz.posts.schedule(NewPost(channel, "hello"), at=at)
    assert raised.value.marks is not None
    [found] = postiz.posts.find(raised.value.marks)
    assert found is not None
    assert found.content == "hello"


def test_a_client_with_other_options_is_a_client(
    postiz: Postiz, channel: str, at: datetime
) -> None:
    postiz_other = postiz.with_options(max_wait=0, headers={"X-Trace": "1"})
    assert isinstance(postiz_other, blocking.Postiz)
    assert [each.id for each in postiz_other.channels.list()] == [channel]
    for number in range(30):
        postiz_other.posts.draft(NewPost(channel, f"post {number}"), at=at)
    with pytest.raises(QuotaWaitError):
        postiz_other.posts.draft(NewPost(channel, "one more"), at=at)


def test_answers_are_shown_as_they_came(postiz: Postiz, channel: str) -> None:
    answer = postiz.with_raw_response(postiz.channels.list)
    assert (answer.status, [each.id for each in answer.value]) == (200, [channel])
    assert channel.encode() in answer.body
    again = postiz.with_raw_response(postiz.channels.list, group=None)
    assert again.body == answer.body
    with pytest.raises(UsageError, match="a method and its arguments"):
        postiz.with_raw_response(postiz.channels.list())  # type: ignore[arg-type]


def test_media_are_uploaded_with_progress(postiz: Postiz, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    seen: list[tuple[int, int | None]] = []
    media = postiz.media.upload(path, progress=lambda sent, total: seen.append((sent, total)))
    assert media.id
    assert seen[-1] == (len(PNG), len(PNG))
    [one, two] = postiz.media.upload_many(each for each in (path, PNG))
    assert one == two


def test_what_a_generator_gives_is_taken_in_this_thread_when_it_is_wanted(postiz: Postiz) -> None:
    here, sent, ahead = threading.get_ident(), set[int](), list[int]()

    def sources() -> Iterator[bytes]:
        for number in range(9):
            assert threading.get_ident() == here
            ahead.append(number - len(sent))
            yield PNG + bytes(number)

    def told(place: int, done: int, total: int | None) -> None:
        if done == total:
            sent.add(place)

    media = postiz.media.upload_many(sources(), concurrency=2, progress=told)
    assert len({each.id for each in media}) == 9
    assert max(ahead) <= 1

    def broken() -> Iterator[Post]:
        yield from ()
        raise LookupError("no more rows")

    with pytest.raises(LookupError, match="no more rows"):
        postiz.analytics.posts(broken())


def campaign_rows(channel: str, at: datetime, count: int) -> list[dict[str, object]]:
    return [
        {"channel": channel, "date": at + timedelta(hours=n), "content": f"row {n}"}
        for n in range(count)
    ]


def test_a_campaign_is_planned_run_and_resumed(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    rows, journal = campaign_rows(channel, at, 5), tmp_path / "journal"
    with postiz.campaign(iter(rows[:3]), journal=journal) as campaign:
        assert campaign.problems == ()
        assert campaign.plan().requests == 3
        assert campaign.run().counts == {"stored": 3}
    with postiz.campaign(rows, journal=journal) as campaign:
        assert campaign.is_resumed
        assert [outcome.row for outcome in campaign.outcomes()] == [4, 5]
        assert campaign.report().counts == {"stored": 5}
        assert campaign.remarks == []
        undone = campaign.undo(rows=[5])
    assert [record.number for record in undone.rows] == [5]


def test_a_campaign_that_is_not_entered_says_how(postiz: Postiz, tmp_path: Path) -> None:
    campaign = postiz.campaign(tmp_path / "none.csv")
    with pytest.raises(postiz_async.UsageError, match="with"):
        _ = campaign.problems


def test_a_client_without_an_outbox_says_how_to_make_one_without_await(postiz: Postiz) -> None:
    with pytest.raises(UsageError, match=r"`Postiz\(store='postiz\.sqlite'\)`"):
        postiz.outbox.tickets()


def test_a_hand_over_is_sent(
    postiz_sandbox_server: SandboxServer, channel: str, tmp_path: Path
) -> None:
    place = tmp_path / "outbox.sqlite"
    with Postiz(
        api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url, outbox=place
    ) as postiz:
        assert hasattr(postiz, "outbox")
        ticket = postiz.outbox.put(NewPost(channel, "hello"))
        assert postiz.outbox.wait(ticket.id).state.value == "stored"
        assert len(postiz.outbox.get(ticket.id).post_ids) == 1
        assert sum(postiz.outbox.counts().values()) == 1
        event = next(iter(postiz.outbox.events()))
        assert event.ticket == postiz.outbox.get(ticket)
        assert postiz.outbox.trouble == ""


def test_a_pool_has_a_client_for_each_organisation(postiz_sandbox_server: SandboxServer) -> None:
    postiz_sandbox_server.add_organization("globex", api_key="token-of-globex")
    postiz_sandbox_server.add_channel("mastodon", name="ours")
    postiz_sandbox_server.add_channel("mastodon", name="theirs", organization="globex")
    with PostizPool(base_url=postiz_sandbox_server.url) as pool:
        one = pool.client(postiz_sandbox_server.api_key, organization="acme")
        two = pool.client("token-of-globex", organization="globex")
        assert isinstance(one, Postiz)
        assert len(pool) == 2
        assert [each.name for each in one.channels.list()] == ["ours"]
        assert [each.name for each in two.channels.list()] == ["theirs"]
        two.close()
        assert (two.is_open, one.is_open) == (False, True)
        assert [each.name for each in one.channels.list()] == ["ours"]
    with pytest.raises(postiz_async.ConfigurationError, match="closed"):
        one.channels.list()


def test_a_store_is_closed_with_its_client(
    postiz_sandbox_server: SandboxServer, channel: str, at: datetime, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "quota.sqlite")
    arguments: dict[str, Any] = {
        "api_key": postiz_sandbox_server.api_key,
        "base_url": postiz_sandbox_server.url,
    }
    postiz = Postiz(store=store, **arguments)
    with postiz:
        postiz.posts.draft(NewPost(channel, "hello"), at=at)
        assert postiz.quota().remaining == 29
    assert store._connection is None
    with postiz:
        assert postiz.quota().remaining == 29


def test_a_long_range_is_listed_in_pieces(
    postiz: Postiz, postiz_sandbox_server: SandboxServer, channel: str, at: datetime
) -> None:
    [created] = postiz.posts.schedule(NewPost(channel, "hello"), at=at)
    before = postiz_sandbox_server.requests
    found = postiz.posts.list(start=at - timedelta(days=80), end=at)
    assert [post.id for post in found] == [created.post_id]
    assert postiz_sandbox_server.requests > before + 2
