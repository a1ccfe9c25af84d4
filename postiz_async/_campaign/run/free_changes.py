"""Changes of posts that cost nothing: a draft, or none; other settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, structs

from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.update_plan import NEAR, is_made, wanted, with_settings
from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.matching import stored_at
from postiz_async._wire import format_date
from postiz_async.errors import BadRequestError, NotFoundError
from postiz_async.models.posts import CreatePost, TagRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.already_stored import ClientRefs
    from postiz_async._campaign.run.stored_posts import StoredPosts
    from postiz_async._campaign.run.update_plan import UpdatePlan
    from postiz_async._delivery.client import BatchClient
    from postiz_async._delivery.conditions import SentPost, Standing
    from postiz_async._delivery.journal_changes import ChangeJournal
    from postiz_async._delivery.pauses import Outage
    from postiz_async.models.posts import Post


@dataclass(frozen=True, slots=True)
class FreeChanges:
    """Makes the changes of an update that cost nothing.

    Each is written down before it leaves, so after a crash a post is known by either of its
    states, and each may be made again.

    Args:
        postiz: an open client.
        outage: of the job.
        journal: as changes see it.
        stored: knows how posts were sent.
        client_refs: of the campaign.
        on_outcome: called with what became of each row.
        now: tells the time of the server.
    """

    postiz: BatchClient
    outage: Outage
    journal: ChangeJournal
    stored: StoredPosts
    client_refs: ClientRefs
    on_outcome: Callable[[Outcome], Awaitable[None]]
    now: Callable[[], datetime]

    async def make(self, plan: UpdatePlan) -> None:
        """Make those of a plan. What an old server has no route for is to be replaced then."""
        for row, standing in plan.status:
            meant = wanted(plan.checked, row, {"type"}, standing, self.stored)
            call = partial(self._set_status, row, standing)
            await self._make(plan, row, standing, meant, call)
        for row, standing in plan.settings:
            meant = wanted(plan.checked, row, {"settings"}, standing, self.stored)
            if meant is not None:
                mark = {CLIENT_REF: self.client_refs(row)}
                meant = with_settings(meant, {**meant.intent.item.settings, **mark})
            call = partial(self._set_settings, standing, meant)
            await self._make(plan, row, standing, meant, call)

    async def _make(
        self,
        plan: UpdatePlan,
        row: Row,
        standing: Standing,
        meant: SentPost | None,
        call: Callable[[], Awaitable[datetime | None]],
    ) -> None:
        post = standing.post
        if post is None or meant is None:
            plan.leave(standing.condition.value, row.number)
            return
        body = _body(meant, post)
        number = await self.journal.intend_freely(row.ref, body, self.now().timestamp())
        try:
            is_made_already = is_made(post, meant, self.now())
            date = stored_at(post) if is_made_already else await self.outage.read(call)
        except NotFoundError:  # an old server
            await self.journal.not_changed(number)
            plan.replace(row, standing)
            return
        except BadRequestError as error:
            await self.journal.not_changed(number)
            await self.journal.mark([row.ref], RowState.REFUSED, error.text)
            plan.leave("refused", row.number)
            await self.on_outcome(Outcome(row.number, row.ref, RowState.REFUSED, None, error.text))
            return
        if date is None:
            await self.journal.not_changed(number)
            plan.leave("due", row.number)
            return
        body = structs.replace(body, date=format_date(date))
        await self.journal.changed_freely(number, row.ref, body, standing.record.date)
        await self.on_outcome(Outcome(row.number, row.ref, RowState.STORED, post.id))

    async def _set_status(self, row: Row, standing: Standing) -> datetime | None:
        """None where there was no time: what is due would be published at once, or once more."""
        post = standing.post
        if post is None or (row.type != "draft" and stored_at(post) <= self.now() + NEAR):
            return None
        status: Literal["draft", "schedule"] = "draft" if row.type == "draft" else "schedule"
        await self.postiz.posts.set_status(post.id, status)
        return stored_at(post)

    async def _set_settings(self, standing: Standing, meant: SentPost | None) -> datetime | None:
        """The date that the post has then, without its milliseconds."""
        if standing.post is None or meant is None:
            return None
        settings = meant.intent.item.settings.items()
        sent = {key: value for key, value in settings if key != "__type"}
        return await self.postiz.posts.update_settings(standing.post.id, sent)


def _body(meant: SentPost, post: Post) -> CreatePost:
    """The create request that would have put a post as it is to be, in the group that it has."""
    intent = meant.intent
    first, *others = intent.item.value
    item = structs.replace(
        intent.item,
        value=[structs.replace(first, id=UNSET), *others],
        group=UNSET if post.group is None else post.group,
    )
    return CreatePost(
        type="draft" if meant.is_draft else "schedule",
        date=format_date(intent.moment),
        posts=[item],
        short_link=intent.short_link,
        tags=[TagRef(value=tag, label=tag) for tag in intent.tags],
    )
