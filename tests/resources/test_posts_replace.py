"""What no server says alike: dates in the past, and deletions of what is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from postiz_async import InvalidPostError, NewPost
from postiz_async.testing import Fault, Sandbox

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
RELEASES = pytest.mark.parametrize("release", ["v2.23.0", "HEAD", "next"])


def made(release: str) -> Sandbox:
    return Sandbox(start=START, release=release, channels=("mastodon",))


@RELEASES
@pytest.mark.parametrize("as_post", [False, True])
async def test_a_scheduled_post_is_not_replaced_into_the_past(
    release: str, *, as_post: bool
) -> None:
    """The server would take the date, and publish the post by itself."""
    local = made(release)
    async with local.client() as postiz:
        (channel,) = await postiz.channels.list()
        at = START + timedelta(days=1)
        post_id = (await postiz.posts.schedule(NewPost(channel, "x"), at=at))[0].post_id
        post = await postiz.posts.get(post_id) if as_post else post_id
        before = len(local.creates)
        for moment in (START - timedelta(days=1), START):
            with pytest.raises(InvalidPostError, match="has passed") as caught:
                await postiz.posts.replace(post, NewPost(channel, "new"), at=moment)
            assert [problem.where for problem in caught.value.problems] == ["at"]
        assert "publish at once" in str(caught.value)
        assert len(local.creates) == before
        await postiz.posts.replace(post, NewPost(channel, "new"), at=at + timedelta(hours=1))
    assert [each.content for each in local.posts] == ["new"]


async def test_drafts_and_what_is_out_may_have_a_past_date() -> None:
    local = made("HEAD")
    async with local.client() as postiz:
        (channel,) = await postiz.channels.list()
        past = START - timedelta(days=1)
        (draft,) = await postiz.posts.draft(NewPost(channel, "x"), at=past)
        await postiz.posts.replace(draft.post_id, NewPost(channel, "draft"), at=past)
        (out,) = await postiz.posts.publish_now(NewPost(channel, "y"))
        await postiz.posts.replace(out.post_id, NewPost(channel, "out"), at=past)
        states = {post.content: post.state for post in local.posts}
    assert states == {"draft": "DRAFT", "out": "PUBLISHED"}


@RELEASES
async def test_deleting_what_is_gone_is_no_error(release: str) -> None:
    local = made(release)
    async with local.client() as postiz:
        (channel,) = await postiz.channels.list()
        at = START + timedelta(days=1)
        (created,) = await postiz.posts.schedule(NewPost(channel, "x"), at=at)
        assert await postiz.posts.delete(created.post_id) is True
        assert await postiz.posts.delete(created.post_id) is False
        (created,) = await postiz.posts.schedule(NewPost(channel, "y"), at=at)
        local.add_fault(Fault("drop_answer", route="delete_post"))
        assert await postiz.posts.delete(created.post_id) is False
        assert local.posts == ()
