"""That blocking twins have what their asynchronous classes have, and that all of it works."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from datetime import UTC, datetime, timedelta
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
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.models.posts import Post
    from postiz_async.pytest_plugin import SandboxServer

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import make_blocking

ROOT = Path(postiz_async.__file__).parent


# ------------------------------------------------------------------ nothing drifts


def test_the_twins_are_as_they_would_be_made_today() -> None:
    for path, text in make_blocking.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: python docs/make_blocking.py"


def test_nothing_else_says_that_it_was_made() -> None:
    made = {path for path in (ROOT / "blocking").glob("*.py") if make_blocking.is_made(path)}
    assert made == set(make_blocking.pages())


TWINS = sorted(
    name
    for path in (ROOT / "blocking").glob("*.py")
    if make_blocking.is_made(path)
    for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
)


def pair_of(name: str) -> tuple[type, type]:
    """An asynchronous class with its blocking twin."""
    source = make_blocking.classes()[name][0].name
    twin = make_blocking.module_of(name)
    return (
        getattr(import_module(f"postiz_async.{source}"), name),
        getattr(import_module(f"postiz_async.blocking.{twin}"), name),
    )


def test_each_class_that_wants_a_twin_has_one() -> None:
    assert make_blocking.twins() == set(TWINS)


def public(kind: type) -> set[str]:
    """Methods, properties and declared attributes of a class and its bases, for users."""
    found: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("postiz_async"):
            continue
        left_out = make_blocking.LEFT_OUT.get(base.__name__, set())
        names = vars(base).keys() | getattr(base, "__annotations__", {}).keys()
        found |= {name for name in names - left_out if not name.startswith("_")}
    return {name for name in found if not is_internal(getattr(kind, name, None))}


def is_internal(member: object) -> bool:
    if getattr(member, "__isabstractmethod__", False):
        return True
    return "other parts of this package" in " ".join((inspect.getdoc(member) or "").split())


OF_INSTANCES = {"path", "journal_path", "remarks"}
"""Attributes of a campaign that `__init__` sets."""


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_has_what_its_class_has_and_nothing_else(name: str) -> None:
    original, twin = pair_of(name)
    expected = {"close" if name == "aclose" else name for name in public(original)}
    expected |= {"outcomes"} if twin is blocking.Campaign else set()
    assert public(twin) - OF_INSTANCES == expected - OF_INSTANCES
    assert (public(twin) >= OF_INSTANCES) is (twin is blocking.Campaign)


SYNCHRONOUS = (
    (r"Async(?:Iterator|Generator)\[(.*)\]", r"BlockingIterator[\1]"),
    (r"\bListing\[", "BlockingListing["),
    (r" \| AsyncIterable\[.*\]$", ""),
    (r"Awaitable\[None\]( \| None(?=\]))?", "object"),
    (r"Awaitable\[(\w+)\]", r"\1"),
)


def said(hint: object) -> str:
    text = str(hint).replace("'", '"')
    for pattern, instead in SYNCHRONOUS:
        text = re.sub(pattern, instead, text)
    return text


@pytest.mark.parametrize("name", TWINS)
def test_the_arguments_and_results_are_the_same(name: str) -> None:
    original, twin = pair_of(name)
    for each in public(twin) - {"with_raw_response", "run", "outcomes", "open"}:
        mine, theirs = (
            getattr(twin, each),
            getattr(original, "aclose" if each == "close" else each, None),
        )
        if isinstance(mine, property):
            continue
        here, there = inspect.signature(mine), inspect.signature(theirs)
        assert said(here.return_annotation) == said(there.return_annotation), each
        wanted = [p for p in there.parameters.values() if p.name not in make_blocking.WITHOUT]
        got = list(here.parameters.values())
        assert [(p.name, p.kind, p.default, said(p.annotation)) for p in got] == [
            (p.name, p.kind, p.default, said(p.annotation)) for p in wanted
        ], each


def test_clients_are_made_with_the_same_arguments() -> None:
    for original, twin in ((postiz_async.Postiz, Postiz), (postiz_async.PostizPool, PostizPool)):
        here, there = inspect.signature(twin).parameters, inspect.signature(original).parameters
        assert [(p.name, p.kind, p.default) for p in here.values()] == [
            (p.name, p.kind, p.default) for p in there.values()
        ]


def with_coroutines() -> set[str]:
    """Names of the classes of the package that have something to await for users."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if {"_sandbox", "_cli", "contrib", "blocking", "__main__"} & set(parts):
            continue
        module = import_module(".".join(["postiz_async", *parts]).removesuffix(".__init__"))
        for name, kind in inspect.getmembers(module, inspect.isclass):
            members = inspect.getmembers(kind, inspect.iscoroutinefunction)
            if any(not each.startswith("_") or each == "__aenter__" for each, _ in members):
                found.add(name)
    return found


def test_nothing_asynchronous_comes_out_of_a_twin() -> None:
    """What a method returns has no coroutine: else it wants a twin too."""
    asynchronous = with_coroutines() - make_blocking.twins() - {"Clock"}
    for _, twin in map(pair_of, TWINS):
        for name in public(twin):
            member = getattr(twin, name)
            function = member.fget if isinstance(member, property) else member
            hint = str(inspect.signature(function).return_annotation)
            assert not set(re.findall(r"\w+", hint)) & asynchronous, f"{twin.__name__}.{name}"


@pytest.mark.parametrize("name", TWINS)
def test_docstrings_speak_of_synchronous_code(name: str) -> None:
    _, twin = pair_of(name)
    for thing in (twin, *(getattr(twin, each) for each in public(twin))):
        text = inspect.getdoc(thing)
        assert text, thing
        assert not re.search(r"\bawait\b|(?<!-)\basync\b|aclose|asynchronous function", text), text


def test_each_phrase_that_is_turned_is_there() -> None:
    """Else a docstring was reworded, and may say of the blocking twin what is not so."""
    sources = {make_blocking.classes()[name][0].name for name in make_blocking.twins()}
    text = "\n".join(line for name in sources for line in make_blocking.source(name).lines)
    assert [phrase for phrase in make_blocking.HOW if phrase not in text] == []


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
    assert (len(listed), listed[0].content, listed[-1:]) == (1, "hello", [*listed])
    assert listed == list(postiz.posts.list(**around)) == postiz.posts.list(**around)
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


def test_a_list_of_what_is_listed_asks_once(
    postiz: Postiz, postiz_sandbox_server: SandboxServer
) -> None:
    start = datetime(2031, 1, 1, tzinfo=UTC)

    def asked() -> int:
        return postiz_sandbox_server.requests

    before = asked()
    found = postiz.posts.list(start=start, end=start + timedelta(days=80))
    assert "not asked" in repr(found)
    assert list(found) == []
    assert asked() == before + 1
    assert (list(found), repr(found), asked()) == ([], "[]", before + 1)
    for _ in postiz.posts.list(start=start, end=start + timedelta(days=80)):
        raise AssertionError
    assert asked() > before + 2, "in pieces"
