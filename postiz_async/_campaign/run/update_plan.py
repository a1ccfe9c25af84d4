"""Plan what a run does with each changed row, after a look at its post."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import msgspec

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.plan.check import Checked
from postiz_async._campaign.plan.plan import Forecast, PlannedRequest, Planner
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.conditions import (
    Reason,
    SentPost,
    Standing,
    condition_of,
    has_settings,
    is_as_sent,
    may_change,
)
from postiz_async._campaign.run.edits import Changed
from postiz_async._campaign.run.job import Outcome, ignore
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState
from postiz_async._quota import SILENT
from postiz_async._resources.create_body import build_item
from postiz_async.models.posts import NewPost, Post

NEAR = timedelta(seconds=SILENT) + timedelta(minutes=3)
"""How long before its date a post is left alone: a delayed request would publish it again after it
was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignChanges:
    """The changes that a run made to stored posts, or that a plan would make.

    `changed` are rows whose posts become what the rows say, `free` those of them that cost nothing.
    `resent` are rows whose posts are deleted and sent anew: on another channel, or, with `force`,
    those that people deleted. `pruned` were gone from the campaign.
    `left` has the numbers of rows whose posts stay as they are, by the reason.
    `requests` are for posts that are changed in place.
    """

    changed: tuple[Row, ...] = ()
    free: tuple[Row, ...] = ()
    resent: tuple[Row, ...] = ()
    pruned: tuple[RowRecord, ...] = ()
    left: Mapping[Reason, tuple[int, ...]] = field(default_factory=dict[Reason, "tuple[int, ...]"])
    requests: int = 0
    unclear: tuple[int, ...] = ()
    """Numbers of rows in requests without an answer, which are looked up first."""
    if_stored: tuple[int, ...] = ()
    """Those of them whose posts are changed then, or with `prune` deleted, if they are stored."""

    @property
    def is_something(self) -> bool:
        """Whether posts are changed or deleted, or may be."""
        return bool(self.changed or self.resent or self.pruned or self.if_stored)


def joined(first: CampaignChanges, later: CampaignChanges) -> CampaignChanges:
    """The sum of changes and later ones."""
    whys = sorted(first.left.keys() | later.left.keys())
    rows = {why: {*first.left.get(why, ()), *later.left.get(why, ())} for why in whys}
    return CampaignChanges(
        changed=(*first.changed, *later.changed),
        free=(*first.free, *later.free),
        resent=(*first.resent, *later.resent),
        pruned=(*first.pruned, *later.pruned),
        left={why: tuple(sorted(numbers)) for why, numbers in rows.items()},
        requests=first.requests + later.requests,
        unclear=later.unclear,
        if_stored=later.if_stored,
    )


NO_CHANGES = CampaignChanges()


class Plan(Forecast, frozen=True):
    """All that a run would do: what it sends and what that costs, and what it changes.

    The numbers of its `Forecast` are those of all create requests: for new posts, and for stored
    ones that are changed or sent anew.
    """

    changes: CampaignChanges = NO_CHANGES


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How stored posts are changed."""

    on_outcome: Callable[[Outcome], Awaitable[None]] = ignore
    """Called with the outcome of each row."""
    force: bool = False
    """Whether posts that people edited in Postiz are changed, too."""
    dry_run: bool = False
    """Whether nothing is changed, only planned."""
    prune: bool = False
    """Whether posts whose rows are gone are deleted."""
    keep: bool = False
    """Whether they stay."""


@dataclass(slots=True)
class UpdatePlan:
    """What to do with changed rows; `left` has numbers by reason."""

    checked: Checked
    how: ChangeOptions
    replaced: dict[str, tuple[Row, RowRecord]] = field(
        default_factory=dict[str, "tuple[Row, RowRecord]"]
    )
    targets: dict[str, Post] = field(default_factory=dict[str, "Post"])
    status: list[tuple[Row, Standing]] = field(default_factory=list["tuple[Row, Standing]"])
    settings: list[tuple[Row, Standing]] = field(default_factory=list["tuple[Row, Standing]"])
    to_channel: list[tuple[Row, RowRecord]] = field(default_factory=list["tuple[Row, RowRecord]"])
    again: list[tuple[Row, RowRecord]] = field(default_factory=list["tuple[Row, RowRecord]"])
    """Rows whose posts people deleted, to be sent anew."""
    pruned: list[RowRecord] = field(default_factory=list["RowRecord"])
    invalid: frozenset[int] = frozenset()
    """Numbers of rows that no create request can make."""
    gone: set[str] = field(default_factory=set[str])
    """Refs of `to_channel` rows whose posts are deleted by now."""
    left: dict[Reason, set[int]] = field(default_factory=dict[Reason, set[int]])

    @property
    def free(self) -> list[Row]:
        """Rows whose change costs nothing."""
        return [row for row, _ in (*self.status, *self.settings)]

    @property
    def sent_anew(self) -> list[Row]:
        """Rows whose posts are gone, or will be, before the rows are sent."""
        return [row for row, _ in (*self.to_channel, *self.again)]

    @property
    def moving(self) -> list[tuple[Row, RowRecord]]:
        """Rows of `to_channel` whose posts are not deleted yet."""
        return [(row, record) for row, record in self.to_channel if row.ref not in self.gone]

    def changes(self, requests: int) -> CampaignChanges:
        """The changes as they stand now, for the user."""
        return CampaignChanges(
            changed=(*(row for row, _ in self.replaced.values()), *self.free),
            free=tuple(self.free),
            resent=tuple(self.sent_anew),
            pruned=tuple(self.pruned),
            left={why: tuple(sorted(numbers)) for why, numbers in self.left.items()},
            requests=requests,
        )

    def leave(self, why: Reason, number: int) -> None:
        """Note that a post stays as it is."""
        self.left.setdefault(why, set()).add(number)

    def keep_late(self, forecast: Forecast | None) -> None:
        """Leave posts on their channels that could not be sent anew before their date."""
        late = {row.ref for row in forecast.late} if forecast is not None else set[str]()
        for row, record in tuple(self.to_channel):
            if row.ref in late and record.state is RowState.STORED:
                self.stay(row, Reason.NO_SLOT)

    def stay(self, row: Row, why: Reason) -> None:
        """Note that a post stays on its channel."""
        self.to_channel = [each for each in self.to_channel if each[0].ref != row.ref]
        self.leave(why, row.number)

    def replace(self, row: Row, standing: Standing) -> None:
        """Note that a create request has to change a post to what its row says."""
        assert standing.post is not None  # noqa: S101  (only a listed one is changed)
        if row.number in self.invalid:
            self.leave(Reason.INVALID, row.number)
            return
        self.replaced[row.ref] = row, standing.record
        self.targets[row.ref] = standing.post

    def requests(self, planner: Planner, align: timedelta) -> list[PlannedRequest]:
        """The requests that change posts."""
        rows = [row for row, _ in self.replaced.values()]
        planner = replace(planner, size_of=partial(self.checked.size_of, is_in_place=True))
        return list(planner.arrange(rows, align).requests)

    # -------------------------------------------------------------- placing rows

    def place(
        self, changed: Changed, standing: Standing, stored: StoredPosts, *, now: datetime
    ) -> None:
        """Decide what to do with a row.

        Args:
            changed: the row.
            standing: its post as listed now.
            stored: the states in which it was sent.
            now: the server's time.
        """
        row, record, condition = changed.row, changed.record, standing.condition
        moves = "channel" in changed.names
        why = condition if condition in _NEVER else self._cannot(row, now)
        if why:
            self.leave(why, row.number)
        elif moves and self._may_move(standing):
            self.to_channel.append((row, record))
        elif condition is Reason.GONE and self.how.force:
            self.again.append((row, record))
        elif self._is_freely(changed, standing, stored, now):
            routes = self.status if changed.names <= {"type"} else self.settings
            routes.append((row, standing))
        elif may_change(condition, edited=self.how.force) and not moves:
            self.replace(row, standing)
        else:
            self.leave(condition, row.number)

    def _is_freely(
        self, changed: Changed, standing: Standing, stored: StoredPosts, now: datetime
    ) -> bool:
        """Whether a change costs nothing; it may have been made already."""
        post = standing.post
        meant = wanted(self.checked, changed.row, changed.names, standing, stored)
        if meant is None or post is None:
            return False
        if changed.names <= {"type"} and post.creation_method is None:
            return False  # a server before v2.21.8; its route for this came one release before
        return may_change(standing.condition, edited=False) or is_made(post, meant, now)

    def _may_move(self, standing: Standing) -> bool:
        """Whether a post may be deleted to be sent anew elsewhere, or was deleted for this."""
        was_deleted = self.how.force or standing.record.state is RowState.WITHDRAWING
        is_gone = standing.condition is Reason.GONE and was_deleted
        return is_gone or may_change(standing.condition, edited=self.how.force)

    def prune(self, standing: Standing) -> None:
        """Decide what to do with a post whose row is gone."""
        is_gone = standing.condition is Reason.GONE
        if is_gone or may_change(standing.condition, edited=self.how.force):
            self.pruned.append(standing.record)
        else:
            self.leave(standing.condition, standing.record.number)

    def _cannot(self, row: Row, now: datetime) -> Reason | None:
        """Why no post can become what a row says; None if one can."""
        if row.ref not in self.checked.channels:
            return Reason.HIDDEN
        if row.type == "now":
            return Reason.NOW
        return Reason.LATE if row.type == "schedule" and row.asked_for <= now else None


_NEVER = {Reason.PUBLISHED, Reason.FAILED, Reason.HIDDEN}
"""Conditions in which a post is never changed."""


def wanted(
    checked: Checked,
    row: Row,
    names: Collection[str],
    standing: Standing,
    stored: StoredPosts,
) -> SentPost | None:
    """The new state of a post if a free route can make the change, else None."""
    sent, post = stored.sent(row.ref), standing.post
    if sent is None or post is None:
        return None
    if set(names) == {"type"} and row.type in {"schedule", "draft"}:
        return replace(sent, is_draft=row.type == "draft")
    if set(names) != {"settings"} or post.settings is None or row.repeat_days is not None:
        return None
    channel = checked.channels[row.ref]
    item = build_item(NewPost(channel, row.body, (), row.settings, row.parts), channel)
    before = sent.intent.item.settings
    if before.keys() - item.settings.keys() - {CLIENT_REF}:
        return None
    mark = {key: before[key] for key in before.keys() & {CLIENT_REF}}
    return with_settings(sent, {**item.settings, **mark})


def with_settings(sent: SentPost, settings: Mapping[str, object]) -> SentPost:
    """The state of a post with other settings; their route removes the milliseconds of its date."""
    item = msgspec.structs.replace(sent.intent.item, settings=settings)
    moment = sent.intent.moment.replace(microsecond=0)
    return replace(sent, intent=replace(sent.intent, item=item, moment=moment))


def is_made(post: Post, meant: SentPost, now: datetime) -> bool:
    """Whether a post is in the wanted state already, as after a crash."""
    made = condition_of(post, partial(is_as_sent, [meant]), now=now, near=NEAR, is_shared=False)
    listed = post.settings
    return made is Reason.OURS and (
        listed is None or has_settings(listed, meant.intent.item.settings, all_of_them=True)
    )
