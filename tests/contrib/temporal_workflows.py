"""Workflows as users write them, which Temporal loads in its sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from postiz_async import NewPost, Post
from postiz_async.contrib.temporal import WorkflowPostiz

AT = datetime(2037, 1, 1, tzinfo=UTC)


@workflow.defn
class Announce:
    """Numbered creates, and a signal at which it goes on."""

    def __init__(self) -> None:
        self.goes_on = False

    @workflow.run
    async def run(self, texts: list[str], waits: str) -> list[str]:
        postiz = WorkflowPostiz("acme")
        made = list[str]()
        for text in texts:
            [created] = await postiz.schedule(NewPost("mastodon", text), at=AT)
            made.append(created.post_id)
        if waits:
            await workflow.wait_condition(lambda: self.goes_on)
        return made

    @workflow.signal
    def go_on(self) -> None:
        self.goes_on = True


@workflow.defn
class PublishAll:
    """Everything that the kit has, in one workflow."""

    @workflow.run
    async def run(self, picture: str) -> Post:
        postiz = WorkflowPostiz("acme")
        [channel] = await postiz.channels()
        media = await postiz.upload(picture)
        [created] = await postiz.publish_now(NewPost(channel, "now", media=[media]))
        await postiz.schedule(NewPost(channel, "dated"), at=workflow.now() + timedelta(days=1))
        return await postiz.wait_published(created)


@workflow.defn
class CountChannels:
    @workflow.run
    async def run(self) -> int:
        return len(await WorkflowPostiz("acme").channels())


@workflow.defn
class FailsAfterwards:
    """Fails once, after a create with or without a name."""

    @workflow.run
    async def run(self, name: str | None) -> str:
        postiz, post = WorkflowPostiz("acme"), NewPost("mastodon", name or "number")
        [created] = await postiz.schedule(post, at=AT, activity_id=name)
        if workflow.info().attempt == 1:
            raise ApplicationError("after the create")
        return created.post_id


@workflow.defn
class Daily:
    """The same text in each run."""

    @workflow.run
    async def run(self) -> str:
        [created] = await WorkflowPostiz("acme").publish_now(NewPost("mastodon", "Good morning"))
        return created.post_id


@workflow.defn
class Drip:
    """A text now, another a month later; each is waited for."""

    @workflow.run
    async def run(self) -> list[str]:
        postiz, states = WorkflowPostiz("acme"), list[str]()
        for text in ("one", "two"):
            [created] = await postiz.publish_now(NewPost("mastodon", text), activity_id=text)
            states.append((await postiz.wait_published(created)).state)
            await workflow.sleep(timedelta(days=30))
        return states


FLOWS = [Announce, CountChannels, Daily, Drip, FailsAfterwards, PublishAll]
