"""The sweep against worlds that are made row by row, so that what is to be found is known."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from postiz_async._campaign.after.sweep import SweepResult, sweep, with_findings
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._campaign.run.conditions import are_whole, intents
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._wire import format_date, parse_date
from postiz_async.models.posts import (
    ChannelRef,
    ContentItem,
    Post,
    PostChannel,
    PostItem,
    PostRequest,
)

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
FIRST = datetime(2027, 1, 15, 9, tzinfo=UTC)
CHANNELS = ("c1", "c2", "gone")

FATES = ("fine", "moved", "edited", "deleted", "lost", "absent", "replaced")
EXTRAS = ("none", "double", "edited double", "published double", "foreign")


@dataclass
class World:
    """Rows with their requests, what is listed, and what a sweep has to say."""

    lists_settings: bool
    rows: list[RowRecord] = field(default_factory=list)
    requests: list[SentRequest] = field(default_factory=list)
    listed: list[Post] = field(default_factory=list)
    expected: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def post(self, item: PostItem, moment: datetime, **more: object) -> Post:
        """A listed post, with an id and a group of its own."""
        number = next(self.numbers)
        post = Post(
            id=f"cm{number:06}",
            publish_date=moment,
            content=item.value[0].content,
            state="QUEUE",
            channel=PostChannel(id=item.channel.id),
            group=f"g{number}",
            settings=json.dumps(dict(item.settings)) if self.lists_settings else None,
        )
        return replace(post, **more)

    def add(self, channel: str, state: str, extra: str) -> None:
        """One row in a request of its own."""
        number = len(self.rows) + 1
        ref = f"r{number}"
        moment = FIRST + timedelta(minutes=number, milliseconds=number)
        item = PostItem(
            channel=ChannelRef(id=channel),
            value=[ContentItem(content=f"text {number}")],
            settings={CLIENT_REF: f"mark{number}", "__type": "x"},
        )
        body = PostRequest(type="schedule", date=format_date(moment), posts=[item])
        self.requests.append(SentRequest(number, body, (ref,), 0.0))
        known, listed = self._own(item, moment, state)
        others = self._others(item, moment, extra)
        row_state = RowState.UNKNOWN if known is None else RowState.STORED
        seconds, said = moment.timestamp() // 1, SaidRow(date=moment, channel=channel).write()
        self.rows.append(
            RowRecord(ref, number, "f", channel, seconds, row_state, number, known, said=said)
        )
        if channel == "gone":  # the server lists nothing of it
            self._expect(ref, Finding.HIDDEN if known is not None else None)
            return
        self.listed += [*listed, *others]
        self._say(ref, known, listed, state, extra, others)

    def _own(self, item: PostItem, moment: datetime, state: str) -> tuple[str | None, list[Post]]:
        post = self.post(item, moment)
        if state == "moved":
            return post.id, [replace(post, publish_date=moment + timedelta(days=3))]
        if state == "edited":
            bare = moment.replace(microsecond=0)
            return post.id, [replace(post, publish_date=bare, content="edited")]
        if state == "deleted":
            return post.id, []
        if state == "lost":
            return None, [post]
        if state == "absent":
            return None, []
        if state == "replaced":
            return "cm-that-was-deleted", [post]
        return post.id, [post]

    def _others(self, item: PostItem, moment: datetime, extra: str) -> list[Post]:
        if extra == "double":
            return [self.post(item, moment)]
        if extra == "edited double":
            return [self.post(item, moment, content="other words")]
        if extra == "published double":
            return [self.post(item, moment, state="PUBLISHED")]
        if extra == "foreign":
            theirs = replace(item, settings={"__type": "x"})
            return [self.post(theirs, moment.replace(microsecond=0))]
        return []

    def _say(
        self,
        ref: str,
        known: str | None,
        listed: list[Post],
        state: str,
        extra: str,
        others: list[Post],
    ) -> None:
        is_ours = bool(others) and extra != "foreign"
        if extra == "edited double" and not self.lists_settings:
            is_ours = False  # nothing but its place says so
        if state in {"moved", "edited"}:
            self._expect(ref, Finding.EDITED)
        elif state == "fine":
            self._expect(ref, Finding.NOTHING)
        elif listed or is_ours:
            self._expect(ref, "adopted")
        elif known is not None:
            self._expect(ref, Finding.DELETED)
        if is_ours and listed:
            # without marks two campaigns may have put equal posts there
            may_delete = extra == "double" and self.lists_settings
            self._expect(ref, Finding.DOUBLED, may_delete=may_delete)
        if extra == "foreign":
            self._expect(ref, Finding.EQUAL)

    def _expect(self, ref: str, state: str | None, *, may_delete: bool = False) -> None:
        if state is not None:
            self.expected[ref, state, may_delete] += 1

    def sweep(self, rng: random.Random, now: datetime = NOW) -> list[SweepResult]:
        """What the sweep says, whatever the order of the list."""
        listed = list(self.listed)
        rng.shuffle(listed)
        channels = {"c1", "c2"}
        return sweep(self.rows, intents(self.requests), listed, channels=channels, now=now)


histories = st.lists(
    st.tuples(st.sampled_from(CHANNELS), st.sampled_from(FATES), st.sampled_from(EXTRAS)),
    max_size=12,
)


def made(history: Sequence[tuple[str, str, str]], *, lists_settings: bool) -> World:
    world = World(lists_settings)
    for channel, state, extra in history:
        world.add(channel, state, extra)
    return world


def told(results: Sequence[SweepResult]) -> Counter[tuple[str, str, bool]]:
    return Counter((v.ref, state_of(v), v.may_delete) for v in results)


def state_of(result: SweepResult) -> str:
    return "adopted" if result.is_adopted else result.finding


@given(histories, st.booleans(), st.randoms())
def test_a_sweep_finds_what_was_done_to_each_row(
    history: list[tuple[str, str, str]],
    lists_settings: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    """And whatever is deleted is a double whose twin stays."""
    world = made(history, lists_settings=lists_settings)
    results = world.sweep(rng)
    assert told(results) == world.expected
    kept = {v.ref: v.post for v in results if v.finding in {Finding.NOTHING, Finding.EDITED}}
    known = {row.post_id for row in world.rows}
    for result in results:
        if result.may_delete:
            assert result.post is not None
            twin = kept[result.ref]
            assert twin is not None
            assert twin.group != result.post.group
            assert result.post.id not in known


@given(histories, st.randoms())
def test_nothing_is_deleted_that_is_due_within_ten_minutes(
    history: list[tuple[str, str, str]], rng: random.Random
) -> None:
    world = made(history, lists_settings=True)
    last = FIRST + timedelta(minutes=len(world.rows) - 10, seconds=1)
    assert not any(result.may_delete for result in world.sweep(rng, now=last))


@given(histories, st.booleans(), st.randoms())
def test_a_second_sweep_of_the_same_list_has_nothing_new_to_say(
    history: list[tuple[str, str, str]],
    lists_settings: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    world = made(history, lists_settings=lists_settings)
    for _ in range(2):
        results = world.sweep(rng)
        changed = {row.ref: row for row in with_findings(_by_ref(world), results)}
        world.rows = [changed.get(row.ref, row) for row in world.rows]
    assert with_findings(_by_ref(world), world.sweep(rng)) == []
    for row in world.rows:
        assert (row.finding is Finding.NOTHING) == (row.remark == "")
        assert row.state is not RowState.STORED or row.post_id is not None


def _by_ref(world: World) -> dict[str, RowRecord]:
    return {row.ref: row for row in world.rows}


@given(st.integers(1, 5), st.integers(0, 8), st.booleans(), st.randoms())
def test_of_equal_posts_at_one_mark_the_count_decides(
    count: int,
    stored: int,
    lists_settings: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    """Equal rows in one lost request, and more or fewer posts than rows."""
    world = World(lists_settings)
    moment = parse_date("2027-01-15T09:00:00.007Z")
    items = [
        PostItem(
            channel=ChannelRef(id="c1"),
            value=[ContentItem(content="equal")],
            settings={CLIENT_REF: f"mark{n}"},
        )
        for n in range(count)
    ]
    refs = tuple(f"r{n}" for n in range(count))
    body = PostRequest(type="schedule", date=format_date(moment), posts=items)
    world.requests = [SentRequest(1, body, refs, 0.0)]
    world.rows = [
        RowRecord(ref, n, "f", "c1", moment.timestamp(), RowState.UNKNOWN, 1)
        for n, ref in enumerate(refs)
    ]
    world.listed = [world.post(items[n % count], moment) for n in range(stored)]
    states = Counter(map(state_of, world.sweep(rng)))
    assert states["adopted"] == min(count, stored)
    assert states[Finding.DOUBLED] == max(0, stored - count)


# ------------------------------------------------------------------ several hosts

TOUCHES = ("plain", "edited", "moved", "published", "no milliseconds", "of the same group")


@dataclass
class Hosts:
    """One campaign on several hosts, each with a journal of its own, and what is listed."""

    worlds: list[World]
    listed: list[Post] = field(default_factory=list)

    def add(self, stored: Sequence[tuple[int, str]]) -> None:
        """One row, and the posts of it: by which host, and what became of them."""
        number = len(self.worlds[0].rows) + 1
        ref, second = f"r{number}", FIRST + timedelta(minutes=30 * number)
        items = PostItem(
            channel=ChannelRef(id="c1"),
            value=[ContentItem(content=f"text {number}")],
            settings={CLIENT_REF: f"mark{number}"},
        )
        own: dict[int, Post] = {}
        for host, touch in stored:
            moment = second.replace(microsecond=1_000 * (host + 1))
            post = self.worlds[0].post(items, moment, group=f"{ref}-{len(self.listed)}")
            self.listed.append(_touched(post, touch, ref))
            own[host] = self.listed[-1]
        for host, world in enumerate(self.worlds):
            body = PostRequest(
                type="schedule",
                date=format_date(second.replace(microsecond=1_000 * (host + 1))),
                posts=[items],
            )
            world.requests.append(SentRequest(number, body, (ref,), 0.0))
            known = own[host].id if host in own else None
            state = RowState.UNKNOWN if known is None else RowState.STORED
            date, said = second.timestamp(), SaidRow(date=second, channel="c1").write()
            world.rows.append(
                RowRecord(ref, number, "f", "c1", date, state, number, known, said=said)
            )

    def look(self, host: int, listed: Sequence[Post]) -> list[SweepResult]:
        world = self.worlds[host]
        sent = intents(world.requests)
        return sweep(world.rows, sent, listed, channels={"c1"}, now=NOW)


def _touched(post: Post, touch: str, ref: str) -> Post:
    if touch == "edited":
        return replace(post, content="other words")
    if touch == "moved":
        return replace(post, publish_date=post.publish_date + timedelta(days=2))
    if touch == "published":
        return replace(post, state="PUBLISHED")
    if touch == "no milliseconds":
        return replace(post, publish_date=post.publish_date.replace(microsecond=0))
    return replace(post, group=ref) if touch == "of the same group" else post


host_rows = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(TOUCHES)), max_size=4), max_size=6
)


def on_hosts(history: Sequence[Sequence[tuple[int, str]]]) -> Hosts:
    hosts = Hosts([World(lists_settings=True) for _ in range(3)])
    for stored in history:
        hosts.add(stored)
    return hosts


@given(host_rows, st.data())
def test_hosts_that_sweep_at_once_never_delete_the_last_post_of_a_row(
    history: list[list[tuple[int, str]]], data: st.DataObject
) -> None:
    """Whatever each of them sees: posts may be listed late, or be deleted by another already."""
    hosts = on_hosts(history)
    deleted: set[str] = set()
    for host in range(3):
        unseen = (
            data.draw(st.sets(st.sampled_from([p.id for p in hosts.listed])))
            if (hosts.listed)
            else set()
        )
        seen = [p for p in hosts.listed if p.id not in unseen and p.id not in deleted]
        deleted |= {v.post.id for v in hosts.look(host, seen) if v.may_delete and v.post}
    for number, stored in enumerate(history, 1):
        posts = [p for p in hosts.listed if f'mark{number}"' in (p.settings or "")]
        assert len(posts) == len(stored)
        assert not stored or any(post.id not in deleted for post in posts)


@given(host_rows, st.randoms())
def test_hosts_agree_on_the_post_that_stays(
    history: list[list[tuple[int, str]]], rng: random.Random
) -> None:
    """Where nobody touched anything one post stays, and the row of each host is that post."""
    plain = [[(host, "plain") for host, _ in stored] for stored in history]
    hosts = on_hosts(plain)
    doomed = []
    for host in range(3):
        rng.shuffle(hosts.listed)
        results = hosts.look(host, hosts.listed)
        doomed.append({v.post.id for v in results if v.may_delete and v.post})
        rows = _by_ref(hosts.worlds[host])
        rows |= {row.ref: row for row in with_findings(rows, results, removed=doomed[-1])}
        for number, stored in enumerate(plain, 1):
            posts = sorted(p.id for p in hosts.listed if f'mark{number}"' in (p.settings or ""))
            row = rows[f"r{number}"]
            assert row.post_id == (posts[0] if posts else None)
            assert row.finding is (Finding.DEDUPLICATED if len(stored) > 1 else Finding.NOTHING)
            assert doomed[-1] >= set(posts[1:])
    assert doomed[0] == doomed[1] == doomed[2]
    assert len(hosts.listed) - len(doomed[0]) == sum(bool(stored) for stored in plain)


@pytest.mark.parametrize(
    ("state", "is_deleted"),
    [("QUEUE", True), ("PUBLISHED", True), ("DRAFT", False), ("ERROR", False)],
)
def test_a_double_stays_where_the_first_will_not_go_out(state: str, *, is_deleted: bool) -> None:
    """As when somebody saw both in Postiz and made a draft of one."""
    hosts = on_hosts([[(0, "plain"), (1, "plain")]])
    first, second = hosts.listed
    listed = [replace(first, state=state), second]
    for host in range(3):
        doomed = {v.post.id for v in hosts.look(host, listed) if v.may_delete and v.post}
        assert doomed == ({second.id} if is_deleted else set())


def test_a_double_that_could_not_be_deleted_outweighs_one_that_was() -> None:
    hosts = on_hosts([[(0, "plain"), (1, "plain"), (2, "edited")]])
    results = hosts.look(0, hosts.listed)
    (removed,) = {v.post.id for v in results if v.may_delete and v.post}
    (row,) = with_findings(_by_ref(hosts.worlds[0]), results, removed={removed})
    assert row.finding is Finding.DOUBLED
    assert f"{removed} was deleted" in row.remark
    assert "delete one of them in Postiz" in row.remark


@pytest.mark.parametrize(
    "change",
    [
        {"content": "other words"},
        {"channel": None},
        {"publish_date": FIRST + timedelta(days=7)},  # the web page keeps no milliseconds
    ],
)
def test_a_mark_alone_makes_no_post_ours(change: dict[str, object]) -> None:
    """Another channel, other words at another time, a copy that somebody made for next week."""
    hosts = on_hosts([[(0, "plain"), (1, "moved")]])
    (theirs,) = [post for post in hosts.listed if post.publish_date.day != FIRST.day]
    others = [post for post in hosts.listed if post is not theirs]
    results = hosts.look(0, [*others, replace(theirs, **change)])
    assert [state_of(each) for each in results] == [""]
    results = hosts.look(2, [replace(theirs, **change)])
    assert results == []


def test_what_is_meant_to_stay_beside_a_row_is_not_spoken_of() -> None:
    world = made([("c1", "fine", "foreign"), ("c1", "fine", "double")], lists_settings=True)
    copies = {post.id for post in world.listed} - {row.post_id for row in world.rows}
    results = sweep(
        world.rows,
        intents(world.requests),
        world.listed,
        channels={"c1"},
        now=NOW,
        copies=copies,
    )
    assert [state_of(each) for each in results] == ["", ""]


def test_the_last_post_of_each_request_of_others_may_be_half_made() -> None:
    hosts = on_hosts([])
    world = hosts.worlds[0]
    moments = [FIRST, FIRST, FIRST, FIRST + timedelta(milliseconds=1)]
    body = PostItem(channel=ChannelRef(id="c1"), value=[ContentItem(content="a")], settings={})
    posts = [world.post(body, moment) for moment in moments]
    assert are_whole(posts) == {posts[0].id, posts[1].id}
    assert are_whole(posts, own={posts[2].id}) == {posts[0].id}
