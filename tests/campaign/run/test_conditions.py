"""When the post of a row may be changed or deleted: by what the list shows of it alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from postiz_async._campaign.run.conditions import (
    Reason,
    condition_of,
    has_settings,
    is_as_sent,
    may_change,
    sent_posts,
)
from postiz_async._delivery.outcomes import SentRequest
from postiz_async.models.posts import (
    ChannelRef,
    ContentItem,
    Post,
    PostItem,
    PostRequest,
    TagRef,
)

NOW = datetime(2027, 1, 1, 8, tzinfo=UTC)
AT = "2027-01-15T09:00:00.007Z"
NEAR = timedelta(minutes=15)


def request(number: int = 1, **more: Any) -> SentRequest:
    item = PostItem(
        channel=ChannelRef(id="ch"),
        value=[ContentItem(content="Q&A")],
        settings={"client_ref": "mark", "who": "all", "__type": "x"},
    )
    body = PostRequest(type="schedule", date=AT, posts=[item], tags=[TagRef(value="a", label="a")])
    return SentRequest(number, replace(body, **more), ("r",), 1.0)


def listed(**more: Any) -> Post:
    values: dict[str, Any] = {
        "id": "p",
        "content": "Q&A",
        "publishDate": AT,
        "state": "QUEUE",
        "group": "g",
        "settings": json.dumps({"client_ref": "mark", "who": "all", "added": 1}),
        "tags": [],
        "integration": {"id": "ch", "providerIdentifier": "x", "name": "X"},
    }
    return convert(values | more, Post)


def seen(post: Post | None, *requests: SentRequest, is_shared: bool = False) -> Reason:
    sent = sent_posts(requests or [request()]).get("r", [])
    return condition_of(post, partial(is_as_sent, sent), now=NOW, near=NEAR, is_shared=is_shared)


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({}, Reason.OURS),
        ({"settings": None}, Reason.OURS),
        ({"tags": [{"tag": {"name": "a"}}]}, Reason.OURS),
        ({"tags": [{"tag": {"name": "other"}}]}, Reason.EDITED),
        ({"content": "A&Q"}, Reason.EDITED),
        ({"publishDate": "2027-01-15T09:00:00.000Z"}, Reason.EDITED),
        ({"publishDate": "2027-01-16T09:00:00.007Z"}, Reason.EDITED),
        ({"publishDate": "2027-01-15T09:00:00.500Z"}, Reason.OURS),  # another host's
        ({"settings": json.dumps({"client_ref": "mark", "who": "none"})}, Reason.EDITED),
        ({"settings": "{"}, Reason.EDITED),
        ({"state": "DRAFT"}, Reason.EDITED),
        ({"state": "PUBLISHED"}, Reason.PUBLISHED),
        ({"state": "ERROR"}, Reason.FAILED),
        ({"publishDate": "2027-01-01T08:10:00.007Z"}, Reason.DUE),
    ],
)
def test_a_post_is_ours_as_long_as_nothing_of_it_is_different(
    changes: dict[str, object], condition: Reason
) -> None:
    assert seen(listed(**changes)) is condition


def test_what_is_nowhere_or_shares_a_group_is_not_touched() -> None:
    assert seen(None) is Reason.GONE
    assert seen(listed(), is_shared=True) is Reason.SHARED


def test_each_way_in_which_it_was_put_is_ours() -> None:
    """Also that of a change of which nobody knows yet whether it was made."""
    later = request(2, date="2027-01-20T09:00:00.100Z", type="draft")
    moved = listed(publishDate="2027-01-20T09:00:00.100Z", state="DRAFT")
    assert seen(moved) is Reason.EDITED
    assert seen(moved, request(), later) is Reason.OURS
    assert seen(listed(), request(), later) is Reason.OURS


def test_a_post_of_which_no_request_is_known_counts_as_edited() -> None:
    unknown = partial(is_as_sent, [])
    found = condition_of(listed(), unknown, now=NOW, near=NEAR, is_shared=False)
    assert found is Reason.EDITED


def test_only_ours_is_changed_and_what_was_edited_if_that_is_asked_for() -> None:
    assert [c for c in Reason if may_change(c, edited=False)] == [Reason.OURS]
    assert {c for c in Reason if may_change(c, edited=True)} == {
        Reason.OURS,
        Reason.EDITED,
    }


def test_settings_that_the_server_leaves_out_or_converts_are_not_edits() -> None:
    sent = {"a": 1, "b": "x"}
    assert has_settings('{"a": 1, "b": "x", "c": 2}', sent)
    assert has_settings('{"a": "1"}', sent)
    assert not has_settings('{"a": 2}', sent)
    assert not has_settings('{"a": 1}', sent, all_of_them=True)
