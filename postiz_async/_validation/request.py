"""A request against the channels and the request classes, all posts at once. PURE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from postiz_async._validation.constraints import NOT_EMPTY
from postiz_async._validation.javascript import as_list, as_object, is_list, is_object, is_truthy
from postiz_async._validation.media import Entries, media_of
from postiz_async._validation.messages import shown
from postiz_async._validation.schema import POST, ROOT, check, converted, is_good, judged
from postiz_async._validation.settings import SettingsVerdict, shape_of, verdict_of
from postiz_async.errors import Problem
from postiz_async.models.integrations import Integration
from postiz_async.providers._registry import PROVIDERS
from postiz_async.providers._schema import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async._validation.media import MediaFacts


class JudgedPost(msgspec.Struct, frozen=True, gc=False):
    """A post whose channel is known, with its values in their declared types.

    `given` is the post as it came. `entries` and their `media` are empty unless the request
    classes accept the post. `verdict` is that of settings of a known provider.
    """

    path: str
    channel: Integration
    provider: Provider | None
    given: Mapping[str, object]
    settings: Mapping[str, object]
    verdict: SettingsVerdict | None
    entries: Sequence[Mapping[str, object]]
    media: Entries


class Body(msgspec.Struct, frozen=True, gc=False):
    """A request that was held against the request classes."""

    given: Mapping[str, object]
    values: Mapping[str, object]
    posts: Sequence[JudgedPost]
    problems: Sequence[Problem]


_NO_OBJECT = "is a list where an object belongs"
_NO_ID = "All posts must have an integration id"


def judge(
    given: object, channels: Mapping[str, Integration], media: Mapping[str, MediaFacts]
) -> Body:
    """A request with all that its channels and the request classes find wrong, in order."""
    if not is_object(given):
        problem = Problem("body", _NO_ID, hint=f"{shown(given)} was given", stage="channel")
        return Body({}, {}, (), [problem])
    problems: list[Problem] = []
    found = _found(given.get("posts"), channels, problems)
    values = judged(ROOT, given, "", problems)
    if given.get("posts") == []:
        problems.append(Problem("posts", NOT_EMPTY.text, stage="body"))
    posts = [_post(place, post, channel, media, problems) for place, post, channel in found]
    return Body(given, values, posts, problems)


def _found(
    posts: object, channels: Mapping[str, Integration], problems: list[Problem]
) -> list[tuple[int, Mapping[str, object], Integration]]:
    """The posts whose channels are known; what is wrong with the others."""
    if not is_list(posts):
        no_list = f"{shown(posts)} is not a list"
        problems.append(
            Problem("posts", no_list, stage="failure")
            if is_truthy(posts)
            else Problem("posts", _NO_ID, hint=no_list, stage="channel")
        )
        return []
    lost: list[Problem] = []
    found: list[tuple[int, Mapping[str, object], Integration]] = []
    for place, post in enumerate(posts):
        given = as_object(post)
        channel_id = as_object(given.get("integration")).get("id")
        channel = channels.get(channel_id) if isinstance(channel_id, str) else None
        if channel is not None:
            found.append((place, given, channel))
            continue
        where = f"posts.{place}.integration.id"
        if not is_truthy(channel_id):
            problems.append(Problem(where, _NO_ID, stage="channel"))
        elif not isinstance(channel_id, str):
            lost.append(Problem(where, f"{shown(channel_id)} is not text", stage="failure"))
        else:
            text = f"Integration with id {channel_id} not found"
            lost.append(Problem(where, text, hint=_known(channels), stage="channel"))
    problems += lost
    return found


def _known(channels: Mapping[str, Integration]) -> str:
    names = [f"{each.id} ({each.provider})" for each in channels.values()]
    more = ", ..." if len(names) > 5 else ""
    return f"the channels are {', '.join(names[:5])}{more}" if names else "there is no channel"


def _post(
    place: int,
    given: Mapping[str, object],
    channel: Integration,
    media: Mapping[str, MediaFacts],
    problems: list[Problem],
) -> JudgedPost:
    path = f"posts.{place}."
    before = len(problems)
    is_plain = is_good(POST, given)
    values = given if is_plain else judged(POST, given, path, problems)
    provider = PROVIDERS.get(channel.provider)
    settings: Mapping[str, object] = as_object(given.get("settings"))
    verdict = None
    if provider is not None:
        verdict = verdict_of(channel.provider, settings)
        if not verdict.is_good:
            shape = shape_of(provider.settings)
            settings = converted(shape, settings)
            if given.get("type") != "draft":
                check(shape, settings, f"{path}settings.", problems)
    entries: Sequence[Mapping[str, object]] = ()
    if len(problems) == before:
        entries = (
            cast("list[Mapping[str, object]]", values["value"])
            if is_plain
            else list(_entries(values, path, problems))
        )
    if len(problems) > before:
        entries = ()
    of_each = [media_of(entry, media) if entry["image"] else [] for entry in entries]
    return JudgedPost(path, channel, provider, given, settings, verdict, entries, of_each)


def _entries(
    post: Mapping[str, object], path: str, problems: list[Problem]
) -> Iterator[Mapping[str, object]]:
    """The parts of a post that the request classes accept.

    They accept lists among the parts and media, and then the server fails on them.
    """
    for place, entry in enumerate(as_list(post["value"])):
        where = f"{path}value.{place}"
        if not is_object(entry):
            problems.append(Problem(where, _NO_OBJECT, stage="failure"))
            continue
        for number, medium in enumerate(as_list(entry["image"]) if entry["image"] else ()):
            if not is_object(medium):
                problems.append(Problem(f"{where}.image.{number}", _NO_OBJECT, stage="failure"))
        yield entry


def settings_problems(post: JudgedPost) -> list[Problem]:
    """What is wrong with the settings of a post that skipped them."""
    problems: list[Problem] = []
    if post.provider is not None and post.given.get("type") == "draft":
        check(shape_of(post.provider.settings), post.settings, f"{post.path}settings.", problems)
    return problems
