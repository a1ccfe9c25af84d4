"""Find what will go wrong with stored posts, and what looks like a mistake. PURE.

| kind       | what is found                                                       | fails |
|------------|---------------------------------------------------------------------|-------|
| `failed`   | the network refused the post                                        | yes   |
| `overdue`  | the post still waits a quarter of an hour after its date            | yes   |
| `disabled` | posts wait on a channel that is disabled                            | yes   |
| `invalid`  | the server would refuse the text or the settings that are listed    | yes   |
| `double`   | two posts on a channel have the same text and settings              | no    |
| `close`    | two posts on a channel within an hour, unless that is usual there   | no    |
| `gap`      | days without a post, on weekdays most of which have one             | no    |

The list shows neither media nor threads, and no channel shows that it has to be connected again,
so these cannot be checked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import (
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set as AbstractSet,
)
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import TypeAlias

import msgspec

from postiz_async._campaign.after.wait_published import PATIENCE
from postiz_async._campaign.plan.doubles import alike
from postiz_async._delivery.matching import CLIENT_REF, listed_settings
from postiz_async._resources.listing import first_occurrences
from postiz_async._resources.matching import seen_text
from postiz_async.models._durations import describe_seconds
from postiz_async.models.posts import FindingKind, Post, PostChannel, PostFinding

HABIT = timedelta(days=28)
"""How far before the checked dates to look for the weekdays on which a channel has posts."""

_FEW_DAYS = 3
"""Days without posts that are named; further ones are counted."""

_LEAST = 2
"""Posts on a weekday, at least, from which on it is usual."""

_CLOSE, _APART = 3_600, 14_400
"""Seconds between two posts that are close, on a channel whose posts are usually apart."""

_USUAL = 5
"""Posts of a channel from which on the time between two is usual."""

DAY = timedelta(days=1)

_Groups: TypeAlias = Mapping[str, AbstractSet[str]]
"""The ids of posts by their groups, each of which is deleted as a whole."""


@dataclass(frozen=True, slots=True)
class ListedSpan:
    """The posts of a span of dates, and what is known about them.

    Args:
        posts: the posts in order of date, also those of `HABIT` before the span.
        start: the first moment of the span.
        end: the last one.
        now: the server's time.
        zone: the zone of the days.
        disabled: the ids of disabled channels.
        faults: why networks refused posts, or the server would, by id.
        has_all: whether these are all posts of their channels, so that days without one can be
            told.
    """

    posts: Sequence[Post]
    start: datetime
    end: datetime
    now: datetime
    zone: tzinfo
    disabled: AbstractSet[str]
    faults: Mapping[str, str]
    has_all: bool

    def findings(self) -> list[PostFinding]:
        """What will go wrong, and then what looks like a mistake, each in order of date."""
        inside = [post for post in self.posts if post.publish_date >= self.start]
        by_channel = _by_channel(inside)
        groups = _ids_by_group(self.posts)
        found = [*self._failing(inside, groups), *self._disabled(by_channel)]
        for posts in by_channel.values():
            published = [post for post in posts if post.state in _PUBLISHED]
            found += [*self._doubles(published, groups), *self._close(published)]
        if self.has_all:
            found += self._gaps()
        return sorted(found, key=lambda each: (not each.fails, each.date, each.posts))

    # -------------------------------------------------------------- what fails

    def _failing(self, posts: Iterable[Post], groups: _Groups) -> Iterator[PostFinding]:
        coming = Counter(_channel(post).id for post in posts if self._waits(post))
        for post in first_occurrences(posts, set()):
            waits, fault = self.now - post.publish_date, self.faults.get(post.id, "")
            if post.state == "ERROR":
                hint = _correction(post, groups)
                if number := coming[_channel(post).id]:
                    verb = "is" if number == 1 else "are"
                    hint = f"see why before the {number} that {verb} still to come there; {hint}"
                message = f"was refused by its network: {fault}"
                yield _of("failed", [post], message, hint, fails=True)
            elif post.state == "QUEUE" and waits >= PATIENCE:
                message = f"still waits {describe_seconds(waits.total_seconds())} after its date"
                hint = "publish or move it in Postiz, and see whether Postiz publishes at all"
                yield _of("overdue", [post], message, hint, fails=True)
            elif fault:
                hint = "correct it in Postiz, or in its campaign and update that"
                yield _of("invalid", [post], fault, hint, fails=True)

    def _disabled(self, by_channel: Mapping[str, Sequence[Post]]) -> Iterator[PostFinding]:
        for channel in by_channel.keys() & self.disabled:
            waiting = [post for post in by_channel[channel] if self._waits(post)]
            if waiting:
                message = f"the channel is disabled, and {len(waiting)} of its posts wait"
                yield _of("disabled", waiting, message, "enable it in Postiz", fails=True)

    def _waits(self, post: Post) -> bool:
        return post.state == "QUEUE" and post.publish_date > self.now

    # -------------------------------------------------------------- what looks like a mistake

    def _doubles(self, posts: Sequence[Post], groups: _Groups) -> Iterator[PostFinding]:
        once = [post for post in first_occurrences(posts, set()) if post.content.strip()]
        for group in alike(once, lambda post: seen_text(post.content), _settings):
            for before, post in pairwise(group):
                if self._waits(post):
                    gap = (post.publish_date - before.publish_date).total_seconds()
                    when = f"{describe_seconds(gap)} earlier" if gap else "at the same moment"
                    message = f"has the same text as {before.id}, {when}"
                    hint = f"if it is a mistake, {_correction(post, groups)}"
                    yield _of("double", [post, before], message, hint)

    def _close(self, posts: Sequence[Post]) -> Iterator[PostFinding]:
        ordered = sorted(posts, key=lambda post: post.publish_date)
        pairs = list(pairwise(ordered))
        gaps = [(post.publish_date - before.publish_date).total_seconds() for before, post in pairs]
        if len(ordered) >= _USUAL and median(gaps) < _APART:
            return
        for (before, post), gap in zip(pairs, gaps, strict=True):
            is_other = seen_text(before.content) != seen_text(post.content)
            if gap < _CLOSE and self._waits(post) and is_other:
                after = f"{describe_seconds(gap)} after" if gap else "together with"
                message = f"is published {after} {before.id} on the same channel"
                yield _of("close", [post, before], message, "move one of them if it is a mistake")

    def _gaps(self) -> Iterator[PostFinding]:
        first = max(self.start, self.now).astimezone(self.zone).date()
        until = self.end.astimezone(self.zone).date()
        for posts in _by_channel(self.posts).values():
            days = {self._day(post) for post in posts if post.state in _PUBLISHED}
            if not days:
                continue
            usual, since = _usual_weekdays(days), max(first, min(days))
            missing = [
                day for day in _days(since, until) if day.weekday() in usual and day not in days
            ]
            if missing:
                last = max(days)
                between = [day for day in missing if day < last]
                said = f"no post on {_listed(between)}" if between else ""
                if missing[-1] > last:
                    said += f"{', and ' if said else ''}nothing after {_shown(last)}"
                message = f"{said}, although it has posts on most of these weekdays"
                hint = "add a post, unless that is meant"
                at = datetime.combine(missing[0], time.min, self.zone)
                yield msgspec.structs.replace(
                    _of("gap", posts[:1], message, hint), date=at, posts=()
                )

    def _day(self, post: Post) -> date:
        return post.publish_date.astimezone(self.zone).date()


_PUBLISHED = {"QUEUE", "PUBLISHED"}
"""States of posts that are published, or will be."""


def _of(
    kind: FindingKind, posts: Sequence[Post], message: str, hint: str, *, fails: bool = False
) -> PostFinding:
    channel = _channel(posts[0])
    return PostFinding(
        kind=kind,
        fails=fails,
        channel=channel.id,
        name=channel.name or channel.provider,
        date=posts[0].publish_date,
        posts=tuple(dict.fromkeys(post.id for post in posts)),
        message=message,
        hint=hint,
    )


def _channel(post: Post) -> PostChannel:
    return post.channel or PostChannel(id="")


def _by_channel(posts: Iterable[Post]) -> Mapping[str, list[Post]]:
    by_channel: defaultdict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_channel[_channel(post).id].append(post)
    return by_channel


def _ids_by_group(posts: Iterable[Post]) -> _Groups:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for post in posts:
        if post.group is not None:
            groups[post.group].add(post.id)
    return groups


def _correction(post: Post, groups: _Groups) -> str:
    """What to do about a post; no command that would also delete others of its group."""
    if others := groups.get(post.group or "", set()) - {post.id}:
        deletion = f"leave it: a deletion would also delete {min(others)}, of the same group"
    else:
        deletion = f"delete it: postiz-async posts delete {post.id}"
    return f"correct it in Postiz, or {deletion}"


def _settings(post: Post) -> Hashable:
    """The settings of a post, such as a forum, without its mark."""
    settings = {**listed_settings(post.settings)}
    settings.pop(CLIENT_REF, None)
    return msgspec.json.encode(settings, order="deterministic")


def _usual_weekdays(days: Collection[date]) -> set[int]:
    """Weekdays most of which have posts, between the first of these days and the last."""
    has = Counter(day.weekday() for day in days)
    there = Counter(day.weekday() for day in _days(min(days), max(days)))
    return {day for day, number in has.items() if number >= _LEAST and 2 * number > there[day]}


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * DAY


def _listed(days: Sequence[date]) -> str:
    more = len(days) - _FEW_DAYS
    if more <= 1:
        return ", ".join(map(_shown, days))
    return f"{', '.join(map(_shown, days[:_FEW_DAYS]))} and {more} more days"


def _shown(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
