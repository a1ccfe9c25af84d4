"""What is compared, what is written down, and the marks that follow from a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from postiz_async import (
    BadRequestError,
    ConfigurationError,
    Html,
    InvalidPostError,
    Media,
    Mention,
    NewPost,
    PostRequest,
    RawSettings,
    Text,
    ThreadPart,
    UsageError,
    providers,
)
from postiz_async._delivery.record import (
    BARE,
    DeliveryPost,
    DeliveryRecord,
    KeyMarks,
    Refusal,
    differing,
    fingerprint_of,
    marked,
    read_record,
    write_record,
)
from postiz_async._resources.builder import NewCreate
from postiz_async._resources.create_body import build_body, build_item
from postiz_async._resources.keyed import check_key, said_of, said_of_body, well_formed
from postiz_async._wire import parse_date
from postiz_async.errors import APIResponse
from postiz_async.models._durations import read_keep
from postiz_async.models.channels import Channel
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem

AT = datetime(2027, 1, 2, 9, tzinfo=UTC)
PICTURE = Media(id="m1", path="https://postiz.example/a.png")
POSTS = (DeliveryPost("c1", "p"), DeliveryPost("c2"))
CHANNEL = Channel(id="c1", name="ours", provider="mastodon")


def new(*posts: NewPost, kind: str = "schedule", **changes: object) -> NewCreate:
    values = {"at": AT, "tags": (), "short_link": False} | changes
    return NewCreate(kind, posts or (NewPost("c1", "Hello"),), **values)  # type: ignore[arg-type]


def fingerprint(*posts: NewPost, **changes: object) -> dict[str, str]:
    return fingerprint_of(said_of(new(*posts, **changes)))  # type: ignore[arg-type]


# ------------------------------------------------------------------ fingerprints


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"at": AT + timedelta(milliseconds=1)}, "at"),
        ({"kind": "draft"}, "kind"),
        ({"tags": ["news"]}, "tags"),
        ({"short_link": True}, "short_link"),
    ],
)
def test_each_argument_of_a_call_counts(changes: dict[str, object], path: str) -> None:
    assert differing(fingerprint(), fingerprint(**changes)) == (path,)


@pytest.mark.parametrize(
    ("post", "path"),
    [
        (NewPost("c2", "Hello"), "channel"),
        (NewPost("c1", "Hello!"), "content"),
        (NewPost("c1", Html("Hello")), "content"),
        (NewPost("c1", Text("Hello", (Mention("1", "Hello"),))), "content"),
        (NewPost("c1", "Hello", [PICTURE]), "media"),
        (NewPost("c1", "Hello", settings=providers.Mastodon()), "settings"),
        (NewPost("c1", "Hello", settings={"a": 1}), "settings"),
        (NewPost("c1", "Hello", thread=["more"]), "thread"),
    ],
)
def test_each_part_of_a_post_counts(post: NewPost, path: str) -> None:
    assert differing(fingerprint(), fingerprint(post)) == (f"posts.0.{path}",)


def test_a_thread_counts_with_its_media_and_delays() -> None:
    threads = [
        [ThreadPart("more")],
        [ThreadPart("more", delay_minutes=5)],
        [ThreadPart("more", (PICTURE,))],
        [ThreadPart("more"), ThreadPart("end")],
    ]
    prints = [
        fingerprint(NewPost("c1", "Hello", thread=thread))["posts.0.thread"] for thread in threads
    ]
    assert len(set(prints)) == len(threads)
    assert fingerprint(NewPost("c1", "Hello", thread=["more"]))["posts.0.thread"] == prints[0]


def test_what_means_the_same_is_the_same() -> None:
    assert fingerprint(at=AT) == fingerprint(at=AT.astimezone())
    assert fingerprint(tags=("a", "b")) == fingerprint(tags=["a", "b"])
    assert fingerprint(NewPost(CHANNEL, "Hello")) == fingerprint(NewPost("c1", "Hello"))
    sized = Media(id="m1", path=PICTURE.path, width=10, height=10, size=100, name="a.png")
    assert fingerprint(NewPost("c1", media=(sized,))) == fingerprint(NewPost("c1", media=[PICTURE]))
    ordered, other = ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint(NewPost("c1", "x", settings=ordered)) == fingerprint(
        NewPost("c1", "x", settings=other)
    )


def test_what_goes_at_once_has_no_date() -> None:
    assert fingerprint(kind="now", at=AT) == fingerprint(kind="now", at=AT + timedelta(hours=1))


def test_settings_are_what_was_said_of_them() -> None:
    """A later version of the library may know further fields, with defaults."""
    said = said_of(new(NewPost("c1", settings=providers.Telegram()))).posts[0]["settings"]
    assert said == {"__type": "telegram"}
    raw = said_of(new(NewPost("c1", settings=RawSettings("new", {"a": 1})))).posts[0]["settings"]
    assert raw == {"a": 1, "__type": "new"}


def test_a_post_more_or_less_differs_as_a_whole() -> None:
    one, two = fingerprint(), fingerprint(NewPost("c1", "Hello"), NewPost("c1", "Bye"))
    assert differing(one, two) == differing(two, one) == ("posts.1",)


@pytest.mark.parametrize("value", [object(), {1: object()}, float, {"a": "\ud800"}])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    with pytest.raises(InvalidPostError) as caught:
        fingerprint(NewPost("c1", "Hello", settings={"a": value}))
    assert caught.value.problems[0].where == "posts.0.settings"


def test_a_body_is_compared_as_it_is() -> None:
    body = build_body("schedule", AT, [build_item(NewPost("c1", "Hello"), CHANNEL)])
    prints = fingerprint_of(said_of_body(body))
    assert {"type", "date", "shortLink", "tags", "posts.0.value", "posts.0.settings"} <= set(prints)
    other = build_body("now", AT, [build_item(NewPost("c1", "Hello"), CHANNEL)])
    assert differing(prints, fingerprint_of(said_of_body(other))) == ("type", "date")


# ------------------------------------------------------------------ bodies and keys


def test_only_what_makes_new_posts_can_have_a_key() -> None:
    item = build_item(NewPost("c1", "Hello"), CHANNEL)
    assert well_formed(build_body("draft", AT, [item])).posts == [item]
    with pytest.raises(ConfigurationError, match="for new posts"):
        well_formed(build_body("update", AT, [item]))
    changes = PostItem(
        channel=ChannelRef(id="c1"), value=[ContentItem(content="x", id="p1")], settings={}
    )
    with pytest.raises(ConfigurationError, match="for new posts"):
        well_formed(build_body("schedule", AT, [changes]))


@pytest.mark.parametrize("posts", [None, [1], [{"channel": 1}]])
def test_a_body_of_other_types_is_refused(posts: object) -> None:
    body = PostRequest(type="schedule", date="2027-01-02T09:00:00Z", posts=posts)  # type: ignore[arg-type]
    with pytest.raises(InvalidPostError):
        well_formed(body)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000, "a\0b", "\ud83d", "a\udc00"])
def test_a_text_that_is_no_key_is_a_mistake_of_whoever_gave_it(key: str) -> None:
    with pytest.raises(InvalidPostError, match="idempotency_key: ") as raised:
        check_key(key)
    assert str(raised.value).isascii()


@pytest.mark.parametrize("key", [7, b"k"])
def test_what_is_no_text_is_a_mistake_of_the_program(key: object) -> None:
    with pytest.raises(UsageError):
        check_key(key)


@pytest.mark.parametrize("key", ["x", "x" * 255, "\N{PARTY POPPER}" * 255, "a b\n\t", "ключ"])
def test_what_is_a_key(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    "keep", [timedelta(0), timedelta(minutes=59), timedelta(days=4_000), 60, "1h", None]
)
def test_how_long_keys_cannot_be_kept(keep: object) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^idempotency_keep (must be from an hour|is .* a time to wait)"
    ):
        read_keep(keep)


# ------------------------------------------------------------------ records


def test_a_record_is_read_as_it_was_written() -> None:
    error = BadRequestError(
        "no", response=APIResponse(422, body=b"\xff{}"), provider="x", channel_name="me"
    )
    for record in (
        BARE,
        DeliveryRecord(state="leaving", fingerprint={"at": "1"}, date="d", seen={}, posts=POSTS),
        DeliveryRecord(state="lost", seen={0: "p"}, seen_at=1.5, holder="a", until=2.0),
        DeliveryRecord(state="stored", posts=POSTS),
        DeliveryRecord(state="refused", refusal=Refusal.of(error)),
    ):
        assert read_record(write_record(record)) == record
    assert read_record(None) == BARE
    assert len(write_record(BARE)) < 20


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"state":"later"}', b"\xff"])
def test_a_record_that_cannot_be_read(value: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        read_record(value)


def test_a_refusal_comes_back_as_it_was() -> None:
    error = BadRequestError(
        "no such tag",
        response=APIResponse(422, body=b"{}"),
        provider="x",
        channel_name="me",
        hint="mend it",
    )
    again = Refusal.of(error).error()
    assert type(again) is BadRequestError
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_a_long_refusal_is_cut() -> None:
    error = BadRequestError("x" * 100_000 + "\ud800", response=APIResponse(400, body=b"x" * 10_000))
    record = DeliveryRecord(state="refused", refusal=Refusal.of(error))
    assert len(write_record(record)) < 12_000


def test_a_refusal_with_half_a_character_can_be_written() -> None:
    error = BadRequestError("a \ud800 b", response=APIResponse(400), provider="\udc00")
    assert read_record(write_record(DeliveryRecord(state="refused", refusal=Refusal.of(error))))
    noted = DeliveryRecord(state="refused", note="a \ud800\0 b")
    assert read_record(write_record(noted)).note == "a ? b"


def test_states_at_a_moment() -> None:
    leaving = DeliveryRecord(state="leaving", gone_at=15.0, until=10.0)
    assert leaving.is_leaving_at(9.9)
    assert not leaving.is_leaving_at(10.0)
    assert not leaving.is_held_at(9.9), "it is sent"
    held = DeliveryRecord(state="lost", holder="a", until=20.0)
    assert held.is_held_at(19.9)
    assert not held.is_held_at(20.0)
    assert not held.is_leaving_at(19.9)
    assert BARE.is_bare
    assert not DeliveryRecord(state="planned", posts=POSTS).is_bare
    assert not leaving.is_bare


def test_of_a_delivery_that_began_in_another_run_as_little_as_possible_is_believed() -> None:
    """How long ago that was is not known, only how long it takes."""
    left = DeliveryRecord(state="leaving", left_at=9e9, gone_at=9e9 + 30, until=9e9 + 20, run="old")
    anew = left.begun_anew("new", 100.0, 60.0)
    assert (anew.run, anew.left_at, anew.gone_at, anew.until) == ("new", 100.0, 130.0, 130.0)
    lost = DeliveryRecord(state="lost", left_at=5.0, gone_at=10.0, seen={0: "p"}, holder="h")
    anew = lost.begun_anew("new", 100.0, 60.0)
    assert (anew.until, anew.seen, anew.mended_at) == (160.0, None, 0.0)
    mended = DeliveryRecord(state="lost", left_at=5.0, gone_at=10.0, mended_at=12.0)
    assert mended.begun_anew("new", 100.0, 60.0).mended_at == 100.0


# ------------------------------------------------------------------ marks


def test_marks_follow_from_quota_and_key() -> None:
    marks = [KeyMarks("q" * 32, f"key-{number}") for number in range(20_000)]
    assert {mark.milliseconds for mark in marks} == set(range(1, 1000))
    refs = {mark.ref(place) for mark in marks[:500] for place in range(3)}
    assert len(refs) == 1500
    assert {len(ref) for ref in refs} == {12}
    assert KeyMarks("r" * 32, "key-1").ref(0) not in refs
    assert KeyMarks("q" * 32, "key-1").ref(0) == marks[1].ref(0)


@pytest.mark.parametrize(
    ("kind", "sent"), [("schedule", "schedule"), ("now", "schedule"), ("draft", "draft")]
)
def test_a_marked_request(kind: str, sent: str) -> None:
    items = [
        build_item(NewPost("c1", text, settings={"client_ref": "mine"}), CHANNEL) for text in "abc"
    ]
    body = build_body(kind, AT + timedelta(seconds=1, microseconds=999_999), items)  # type: ignore[arg-type]
    marks = KeyMarks("q" * 32, "key")
    made = marked(body, marks, marks.date(parse_date(body.date)), [0, 2])
    assert made.type == sent
    assert parse_date(made.date) == AT + timedelta(seconds=1, milliseconds=marks.milliseconds)
    assert [item.value[0].content for item in made.posts] == ["a", "c"]
    assert [item.settings["client_ref"] for item in made.posts] == [marks.ref(0), marks.ref(2)]
