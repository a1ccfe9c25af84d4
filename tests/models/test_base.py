"""Values go to dicts and JSON and come back, by the API's names and by Python's."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from msgspec import UNSET, inspect
from spread import spread
from value_kinds import KINDS

from postiz_async import (
    Html,
    InvalidInputError,
    Markdown,
    Media,
    Mention,
    NewPost,
    Post,
    Quota,
    RawSettings,
    Text,
    ThreadPart,
    Ticket,
    UsageError,
    providers,
)
from postiz_async._delivery.outcomes import RowState
from postiz_async.models._base import Names, Value
from postiz_async.models.posts import PostChannel, PostItem, PublishEvent
from postiz_async.types import Outcome

PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))]),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLAIN_TEXT, inner, max_size=2),
    max_leaves=4,
)


def of_shape(shape: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a field."""
    return OF_SHAPES[type(shape)](shape)


def annotated(shape: Any) -> st.SearchStrategy[Any]:
    says_text = (shape.extra_json_schema or {}).get("type") == "string"  # as names of tags do
    is_any = isinstance(shape.type, (inspect.AnyType, inspect.CustomType))
    return PLAIN_TEXT if says_text and is_any else of_shape(shape.type)


def texts(shape: Any) -> st.SearchStrategy[str]:
    if shape.pattern:
        return st.from_regex(shape.pattern, fullmatch=True)
    least = shape.min_length or 0
    most = least + 9 if shape.max_length is None else min(shape.max_length, least + 9)
    return st.text("aé&<\n😀", min_size=least, max_size=most)


def numbers(shape: Any) -> st.SearchStrategy[float]:
    return st.floats(shape.ge, shape.le, allow_nan=False, allow_infinity=False)


def lists(shape: Any) -> st.SearchStrategy[list[Any]]:
    least = shape.min_length or 0
    return st.lists(of_shape(shape.item_type), min_size=least, max_size=least + 2)


OF_SHAPES: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.Metadata: annotated,
    inspect.StructType: lambda shape: of_kind(shape.cls),
    inspect.UnionType: lambda shape: st.one_of(*map(of_shape, shape.types)),
    inspect.ListType: lists,
    inspect.CollectionType: lists,
    inspect.VarTupleType: lambda shape: lists(shape).map(tuple),
    inspect.DataclassType: lambda shape: st.builds(shape.cls, **fields_of(shape)),
    inspect.DictType: lambda shape: st.dictionaries(
        PLAIN_TEXT if isinstance(shape.key_type, inspect.StrType) else of_shape(shape.key_type),
        of_shape(shape.value_type),
        max_size=2,
    ),
    inspect.StrType: texts,
    inspect.IntType: lambda shape: st.integers(
        -(2**53) if shape.ge is None else shape.ge, 2**53 if shape.le is None else shape.le
    ),
    inspect.FloatType: numbers,
    inspect.EnumType: lambda shape: st.sampled_from(list(shape.cls)),
    inspect.LiteralType: lambda shape: st.sampled_from(shape.values),
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.DateTimeType: lambda _: MOMENTS,
    inspect.TimeDeltaType: lambda _: st.timedeltas(timedelta(0), timedelta(days=400)),
    inspect.AnyType: lambda _: ANY_JSON,
    inspect.CustomType: lambda _: ANY_JSON,  # object
}


@cache
def of_kind(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    return st.builds(kind, **fields_of(shape))


def fields_of(shape: Any) -> dict[str, st.SearchStrategy[Any]]:
    return {field.name: of_shape(field.type) for field in shape.fields}


@pytest.mark.parametrize("kind", spread(KINDS, every=4), ids=lambda kind: kind.__name__)
def test_a_value_comes_back(kind: type[Value]) -> None:
    @settings(
        max_examples=6,
        phases=[Phase.generate],  # shrinking would cost more than reading what is printed
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        value: Value = data.draw(of_kind(kind))
        names: Names
        for names in ("api", "python"):
            said = value.to_dict(names=names)
            assert json.loads(json.dumps(said)) == said
            assert json.loads(value.to_json(names=names)) == said
            assert kind.from_dict(said) == value

    check()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_name_means_two_fields(kind: type[Value]) -> None:
    """So that a dict may have the API's names or Python's; nor does a method hide a field."""
    fields = msgspec.structs.fields(kind)
    names = {field.name: field.encode_name for field in fields}
    for name, encoded in names.items():
        assert names.get(encoded, encoded) == encoded, (name, encoded)
        assert name not in vars(Value)


def test_the_values_that_users_meet_are_there() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert names >= {"Post", "Created", "Channel", "Media", "NewPost", "Quota", "Ticket"}
    assert names >= {
        "Outcome",
        "PublishEvent",
        "Forecast",
        "Figures",
        "Metric",
        "Notification",
        "X",
        "WebhookPost",
    }


POST = Post(
    id="p1",
    publish_date=datetime(2030, 1, 1, 9, tzinfo=UTC),
    content="<p>Hello</p>",
    channel=PostChannel(id="c1", provider="x"),
    release_url="https://x.com/1",
)


def test_the_names_are_the_api_s_or_python_s() -> None:
    said = POST.to_dict()
    assert said["publishDate"] == "2030-01-01T09:00:00Z"
    assert said["releaseURL"] == "https://x.com/1"
    assert said["integration"] == {
        "id": "c1", "providerIdentifier": "x", "name": "", "picture": None,
    }  # fmt: skip
    said = POST.to_dict(names="python")
    assert (said["publish_date"], said["release_url"]) == ("2030-01-01T09:00:00Z", POST.release_url)
    assert said["channel"] == {"id": "c1", "provider": "x", "name": "", "picture": None}


def test_there_are_no_other_names() -> None:
    with pytest.raises(UsageError, match='Give "api" or "python"'):
        POST.to_dict(names="Python")  # type: ignore[arg-type]


def test_both_may_be_mixed_and_what_is_unknown_is_ignored() -> None:
    said = {
        "id": "p1",
        "publish_date": POST.publish_date,  # no text, as a program may have it
        "content": "<p>Hello</p>",
        "integration": {"id": "c1", "providerIdentifier": "x"},
        "releaseURL": "https://x.com/1",
        "mood": "good",
    }
    assert Post.from_dict(said) == POST


def test_the_tags_of_a_post_are_names() -> None:
    listed = {"tag": {"id": "t1", "name": "news", "color": "#fff"}}
    said = {"id": "p1", "publishDate": "2030-01-01T09:00:00Z", "tags": [listed, "launch"]}
    post = Post.from_dict(said)
    assert post.tags == post.to_dict()["tags"] == ["news", "launch"]
    assert Post.from_dict(post.to_dict(names="python")) == post


@pytest.mark.parametrize("tag", [7, {}, {"tag": "news"}, {"tag": {"name": 7}}])
def test_a_tag_without_a_name_is_refused(tag: object) -> None:
    with pytest.raises(InvalidInputError, match="a tag of the post has no name"):
        Post.from_dict({"id": "p1", "publishDate": "2030-01-01T09:00:00Z", "tags": [tag]})


@pytest.mark.parametrize(
    ("slip", "place"),
    [
        ({"contents": "Hello"}, "NewPost: object contains unknown field `contents`"),
        ({"thread": [{"type": "part", "content": "x", "delai": 5}]}, "thread.0: .*`delai`"),
        ({"content": {"type": "markdown", "source": "x", "mentions": []}}, "content: .*`mentions`"),
    ],
)
def test_a_slip_in_what_people_write_is_refused(slip: dict[str, object], place: str) -> None:
    with pytest.raises(InvalidInputError, match=place):
        NewPost.from_dict({"channel": "c1", **slip})


def test_what_is_unset_is_left_out() -> None:
    item = PostItem.from_dict({"integration": {"id": "c"}, "value": [], "settings": {}})
    assert item.group is UNSET
    for names in ("api", "python"):
        assert "group" not in item.to_dict(names=names)  # type: ignore[arg-type]


def test_what_is_written_for_people_says_what_it_is() -> None:
    post = NewPost(
        "c1",
        Text("Thanks @Ann", (Mention("7", "Ann"),)),
        media=[Media(id="m", path="https://cdn.example/m.png")],
        settings=providers.X(who_can_reply_post="following"),
        thread=["second", Markdown("*third*"), ThreadPart(Html("<p>x</p>"), delay_minutes=5)],
    )
    said = post.to_dict()
    assert said["content"] == {
        "type": "text", "source": "Thanks @Ann", "mentions": [{"id": "7", "name": "Ann"}],
    }  # fmt: skip
    assert said["settings"]["__type"] == "x"  # type: ignore[index]
    back = NewPost.from_dict(said)
    assert (back.content, back.thread) == (post.content, tuple(post.thread))
    assert back.settings == said["settings"]
    raw = NewPost("c1", "a", settings=RawSettings("new", {"title": "T"}))
    assert NewPost.from_dict(raw.to_dict()).settings == {"title": "T", "__type": "new"}


@pytest.mark.parametrize(
    ("said", "where", "message"),
    [
        ({}, "NewPost", "object missing required field `channel`"),
        (7, "NewPost", "expected `object`, got `int`"),
        ({"channel": 7}, "channel", "expected `str | object`, got `int`"),
        ({"channel": "c", "media": [{}]}, "media.0", "object missing required field `id`"),
        (
            {"channel": "c", "thread": ["a", {"type": "part", "content": 1}]},
            "thread.1.content",
            "expected `str | object`, got `int`",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_path(said: Any, where: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        NewPost.from_dict(said)
    [problem] = caught.value.problems
    assert (problem.where, problem.message) == (where, message)


def test_what_json_has_no_word_for_is_told() -> None:
    with pytest.raises(InvalidInputError, match="NewPost: cannot be written as JSON: "):
        NewPost("c", settings={"file": object()}).to_dict()
    endless: dict[str, object] = {}
    endless["me"] = endless
    for names in ("api", "python"):
        with pytest.raises(InvalidInputError, match="it is nested too deeply"):
            NewPost("c", settings=endless).to_json(names=names)  # type: ignore[arg-type]


def test_any_mapping_can_be_written() -> None:
    assert NewPost("c", settings=MappingProxyType({"a": 1})).to_dict()["settings"] == {"a": 1}


def test_json_of_lists_and_dicts_of_values() -> None:
    said = json.dumps({"posts": [POST]}, default=msgspec.to_builtins)
    assert json.loads(said) == {"posts": [POST.to_dict()]}
    ticket = Ticket("t", RowState.STORED, POST.publish_date, 0.0, ("p1",))
    assert json.loads(json.dumps([ticket], default=msgspec.to_builtins)) == [ticket.to_dict()]


def test_values_that_are_the_library_s_own_have_python_s_names() -> None:
    assert Ticket("t", RowState.PLANNED, None, 3.5).to_dict() == {
        "id": "t", "state": "planned", "at": None, "leaves_in": 3.5, "post_ids": [], "reason": "",
    }  # fmt: skip
    assert Outcome(2, "r", RowState.STORED, "p1").to_dict()["post_id"] == "p1"
    assert PublishEvent(POST).to_dict() == {"post": POST.to_dict(), "reason": ""}
    assert "resets_in" in {field.encode_name for field in msgspec.structs.fields(Quota)}


def test_infinity_becomes_null_in_json_as_it_has_no_word_for_it() -> None:
    ticket = Ticket("t", RowState.PLANNED, None, math.inf)
    assert ticket.to_dict()["leaves_in"] is None


def test_time_that_is_frozen_stops_no_call_and_spoils_none_after_it(tmp_path: Path) -> None:
    program = Path(__file__).with_name("frozen_program.py")
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
