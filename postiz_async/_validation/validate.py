"""`validate`: the server's verdict on a request, before a slot is spent on it. PURE.

The server first checks all posts: their channels, and by the request classes. Then it checks post
by post, unless they are drafts, and stops at the first error; here each post gets its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, cast

import msgspec

from postiz_async._content import Counts, length, may_change, utf16_length
from postiz_async._validation.constraints import NOT_EMPTY, crashes, is_iso_date
from postiz_async._validation.javascript import as_list, as_object, is_list, is_object, is_truthy
from postiz_async._validation.media import MediaFacts, broken_rule, media_of
from postiz_async._validation.messages import server_message, shown
from postiz_async._validation.schema import POST, ROOT, check, converted, is_good, judged
from postiz_async._validation.settings import shape_of, verdict_of
from postiz_async._validation.warnings import Body, JudgedPost, request_warnings
from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models._base import describe_json_error
from postiz_async.models.channels import Channel
from postiz_async.models.posts import MAX_BODY, PostRequest
from postiz_async.providers._registry import PROVIDERS
from postiz_async.providers._schema import MediaRule, Provider


def validate(
    request: PostRequest | Mapping[str, object],
    *,
    channels: Mapping[str, Channel] | Iterable[Channel],
    media: Mapping[str, MediaFacts] | None = None,
    now: datetime | None = None,
    max_lengths: Mapping[str, int] | None = None,
    past: Literal["error", "warning"] = "error",
) -> list[Problem]:
    """Errors that the server would find in a create request, in its order, and warnings.

    Never raises for bad input. The first error is the server's verdict: `server_message` gives
    its text. The server stops at the first stage that fails; here each stage checks what the one
    before has accepted, so that all can be corrected at once.

    Args:
        request: the body, typed, or as JSON would be decoded.
        channels: the channels of the organisation, or a mapping by their ids.
        media: pixels and bytes of media by path or id, as far as they are known.
        now: the time, to find dates in the past, which publish at once; None: do not check dates.
        max_lengths: characters by channel id, from its settings; a verified X account has more.
        past: the severity of a date in the past.

    Returns:
        Errors first, in the server's order; then warnings. Paths are those of the body.
    """
    given, problems = read(request)
    if problems:
        return problems
    if isinstance(channels, dict) or isinstance(channels, Mapping):  # noqa: SIM101 - much quicker
        by_id = cast("Mapping[str, Channel]", channels)
    else:
        by_id = {each.id: each for each in channels}
    try:
        body = judge(given, by_id, media or {})
        found = [*body.problems, *failures(body), *_post_by_post(body, max_lengths or {})]
        found += request_warnings(body, now, past)
    except RecursionError as error:  # `read` was nearer to the start of the stack
        return [_not_json(error)]
    if found:
        found.sort(key=lambda problem: problem.severity == "warning")
    return found


def _post_by_post(body: Body, max_lengths: Mapping[str, int]) -> list[Problem]:
    """Problems of the checks post by post; a draft with them is stored, but cannot be scheduled."""
    found = [
        problem
        for post in body.posts
        if post.entries
        for problem in post_problems(post, max_lengths)
    ]
    return list(map(_for_draft, found)) if body.given.get("type") == "draft" else found


def _for_draft(problem: Problem) -> Problem:
    hint = f"{problem.hint}; " if problem.hint else ""
    hint += "stored as a draft, but refused when it is scheduled"
    return replace(problem, severity="warning", stage="", hint=hint)


# ------------------------------------------------------------------ all posts at once


_NO_OBJECT = "is a list where an object belongs"
_NO_ID = "All posts must have an integration id"


def judge(given: object, channels: Mapping[str, Channel], media: Mapping[str, MediaFacts]) -> Body:
    """A request with all problems of its channels and of the request classes, in order."""
    if not is_object(given):
        problem = Problem("body", _NO_ID, hint=f"{shown(given)} was given", stage="channel")
        return Body({}, {}, (), [problem])
    problems: list[Problem] = []
    found = _found(given.get("posts"), channels, problems)
    values = judged(ROOT, given, "", problems)
    if given.get("posts") == []:
        problems.append(Problem("posts", NOT_EMPTY.text, stage="body"))
    failing: list[Problem] = []
    posts = [
        _post(place, post, channel, media, problems, failing) for place, post, channel in found
    ]
    return Body(given, values, posts, problems + failing)


def _found(
    posts: object, channels: Mapping[str, Channel], problems: list[Problem]
) -> list[tuple[int, Mapping[str, object], Channel]]:
    """The posts whose channels are known; adds the problems of the others to `problems`."""
    if not is_list(posts):
        no_list = f"{shown(posts)} is not a list"
        problems.append(
            Problem("posts", no_list, stage="failure")
            if is_truthy(posts)
            else Problem("posts", _NO_ID, hint=no_list, stage="channel")
        )
        return []
    lost: list[Problem] = []
    found: list[tuple[int, Mapping[str, object], Channel]] = []
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


def _known(channels: Mapping[str, Channel]) -> str:
    names = [f"{each.id} ({each.provider})" for each in channels.values()]
    more = ", ..." if len(names) > 5 else ""
    return f"the channels are {', '.join(names[:5])}{more}" if names else "there is no channel"


def _post(
    place: int,
    given: Mapping[str, object],
    channel: Channel,
    media: Mapping[str, MediaFacts],
    problems: list[Problem],
    failing: list[Problem],
) -> JudgedPost:
    path = f"posts.{place}."
    before, failed_before = len(problems), len(failing)
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
            else list(_entries(values, path, failing))
        )
    if len(failing) > failed_before:
        entries = ()
    of_each = [media_of(entry, media) if entry["image"] else [] for entry in entries]
    return JudgedPost(path, channel, provider, given, settings, verdict, entries, of_each)


def _entries(
    post: Mapping[str, object], path: str, failing: list[Problem]
) -> Iterator[Mapping[str, object]]:
    """The parts of a post that the request classes accept.

    They accept lists among the parts and media, and then the server fails on them.
    """
    for place, entry in enumerate(as_list(post["value"])):
        where = f"{path}value.{place}"
        if not is_object(entry):
            failing.append(Problem(where, _NO_OBJECT, stage="failure"))
            continue
        for number, medium in enumerate(as_list(entry["image"]) if entry["image"] else ()):
            if not is_object(medium):
                failing.append(Problem(f"{where}.image.{number}", _NO_OBJECT, stage="failure"))
        yield entry


def settings_problems(post: JudgedPost) -> list[Problem]:
    """Problems of the settings of a draft, which the request classes do not check."""
    problems: list[Problem] = []
    if post.provider is not None and post.given.get("type") == "draft":
        check(shape_of(post.provider.settings), post.settings, f"{post.path}settings.", problems)
    return problems


# ------------------------------------------------------------------ post by post


_PARAGRAPHS = re.compile(r"(?:<p>[^<]*</p>)+")
LINK_WEIGHT = 23
"""The weight of a link on X; a copy from `_content.links`, which takes long to import."""
_TOO_LONG = "post is too long, please fix it"


def post_problems(post: JudgedPost, max_lengths: Mapping[str, int]) -> Iterator[Problem]:
    """Problems of a post that the request classes accept."""
    provider = post.provider
    if provider is not None and (provider.defect or post.given.get("type") == "draft"):
        yield from _settings_again(post, provider)
    if post.verdict is not None and post.verdict.rules:
        broken = broken_rule(post.verdict.rules, post.media)
        if broken is not None:
            yield _broken(post, *broken)
    yield from _too_long(post, max_lengths)


def _settings_again(post: JudgedPost, provider: Provider) -> Iterator[Problem]:
    if provider.defect:
        hint = f"{provider.name} takes only drafts"
        yield Problem(f"{post.path}settings", provider.defect, hint=hint, stage="post")
        return
    for problem in settings_problems(post)[:1]:
        below = f"{post.path}settings."
        is_deep = "." in problem.where.removeprefix(below)
        text = "Please fix your settings" if is_deep else server_message(problem)
        yield replace(problem, message=text.removeprefix(below), stage="post")


def _broken(post: JudgedPost, rule: MediaRule, place: int) -> Problem:
    if rule.kind == "requires_setting" and rule.setting is not None:
        return Problem(f"{post.path}settings.{rule.setting.field}", rule.message, stage="post")
    if rule.kind == "no_comments":
        hint = f"has {len(post.entries)} parts"
        return Problem(f"{post.path}value", rule.message, hint=hint, stage="post")
    where = f"{post.path}value.{place}.image"
    return Problem(where, rule.message, hint=f"has {len(post.media[place])} media", stage="post")


# ------------------------------------------------------------------ length


def _too_long(post: JudgedPost, max_lengths: Mapping[str, int]) -> Sequence[Problem]:
    most = _limit(post, max_lengths)
    if most is None:
        return ()
    found: list[Problem] = []
    counts = post.provider.counts if post.provider else "plain"
    for place, entry in enumerate(post.entries):
        content = str(entry["content"])
        if _is_surely_short(content, most, counts):
            continue
        where = f"{post.path}value.{place}.content"
        try:
            size = length(content, counts)
        except InvalidInputError as error:
            found += [replace(problem, where=where) for problem in error.problems]
            continue
        if size > most:
            hint = _length_hint(post, size, most, max_lengths)
            found.append(Problem(where, _TOO_LONG, hint=hint, stage="post"))
    return found


def _is_surely_short(content: str, most: int, counts: Counts) -> bool:
    """Whether a text is within the limit, without parsing it; False if in doubt."""
    if counts != "plain":
        if "&" in content or not content.isascii():
            return False
        most -= LINK_WEIGHT * content.count(".")  # which each link has
    if 2 * len(content) > most and utf16_length(content) > most:
        return False
    has_markup = may_change(content) or "\r" in content or "\0" in content
    return not has_markup or _PARAGRAPHS.fullmatch(content) is not None


def _limit(post: JudgedPost, max_lengths: Mapping[str, int]) -> int | None:
    told = max_lengths.get(post.channel.id)
    limit = post.verdict.limit if post.verdict else None
    if limit is None:
        return told
    return limit.characters if limit.when is not None else told or limit.characters


def _length_hint(post: JudgedPost, size: int, most: int, max_lengths: Mapping[str, int]) -> str:
    name = post.provider.name if post.provider else post.channel.provider
    hint = f"{size:,} of {most:,} characters on {name}, as the server counts"
    limits = post.provider.limits if post.provider else ()
    more = next((each.characters for each in limits if each.verified), 0)
    if more >= size and post.channel.id not in max_lengths:
        return f"{hint}; a verified account may have {more:,}: give its max_lengths"
    return hint


# ------------------------------------------------------------------ a request as it arrives


_MOST_VALUES = 100_000
"""Most values that are examined to find those that cannot be sent."""
_DEEPEST_VALUE = 100
"""How deep values are examined."""

_HALF = re.compile(r"[\ud800-\udfff]")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def read(request: object) -> tuple[object, list[Problem]]:
    """The request in plain JSON types, as the server receives it, or why it cannot be sent."""
    if isinstance(request, Mapping):  # of which the encoder takes a dict only
        request = dict(cast("Mapping[object, object]", request))
    try:
        raw = _encoder.encode(request)
        if len(raw) > MAX_BODY:
            return None, [_too_large(request, len(raw))]
        return _decoder.decode(raw), []  # fails if a `msgspec.Raw` in it is not JSON
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError) as error:
        return None, list(_unsendable(request)) or [_not_json(error)]


def _not_json(error: Exception) -> Problem:
    return Problem("body", f"cannot be written as JSON: {describe_json_error(error)}")


def _too_large(request: object, size: int) -> Problem:
    return Problem(
        "body",
        "request entity too large",
        hint=f"has {size:,} bytes, the server reads {MAX_BODY:,}; {_largest(request, size)}",
        stage="size",
    )


def _largest(request: object, size: int) -> str:
    """A text about the part to shorten: a text that is most of a request, or the longest list."""
    text, longest, items, most = "", 0, "", 1
    for path, value in _values(request):
        if isinstance(value, str) and len(value) > longest:
            text, longest = path, len(value)
        elif isinstance(value, list | tuple):
            count = len(cast("Sequence[object]", value))
            items, most = (path, count) if count > most else (items, most)
    if items and longest < size // 2:
        return f"{items} is a list of {most:,}"
    return f"{text} has {longest:,} characters"


def _unsendable(request: object) -> Iterator[Problem]:
    for path, value in _values(request):
        if isinstance(value, str):
            if not value.isascii() and _HALF.search(value):
                yield Problem(
                    path,
                    "is not valid Unicode text",
                    hint="it has half of a surrogate pair",
                    stage="failure",
                )
        elif not _is_writable(value):
            yield Problem(path, f"is a {type(value).__name__}, which is not JSON serializable")


def _is_writable(value: object) -> bool:
    """Whether a value can be written, or is a container whose parts are checked one by one."""
    if isinstance(value, Mapping | list | tuple | msgspec.Struct):
        return True
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def _values(request: object) -> Iterator[tuple[str, object]]:
    """The values of a request with their paths, without recursion and up to a limit."""
    waiting: list[tuple[str, object, int]] = [("", request, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        path, value, depth = waiting.pop()
        yield path or "body", value
        if depth < _DEEPEST_VALUE:
            before = f"{path}." if path else ""
            parts = reversed(_parts(value))
            waiting += [(f"{before}{name}", inner, depth + 1) for name, inner in parts]


def _parts(value: object) -> list[tuple[object, object]]:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        parts = [(field.encode_name, getattr(value, field.name)) for field in fields]
        return [part for part in parts if part[1] is not msgspec.UNSET]
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).items())
    if isinstance(value, list | tuple):
        return list(enumerate(cast("Sequence[object]", value)))
    return []


_GOOD_DATE = "write it as 2030-03-01T10:00:00Z"


def failures(body: Body) -> Iterator[Problem]:
    """Values on which the server fails: invalid dates, characters that no database stores."""
    date = body.values.get("date")
    if isinstance(date, str) and crashes(date) and is_iso_date(date):
        message = f"{date[:40]!r} makes the server fail"
        yield Problem("date", message, hint=_GOOD_DATE, stage="failure")
    for post in body.posts:
        for place, entry in enumerate(post.entries):
            content = entry["content"]
            if isinstance(content, str) and "\0" in content:
                message = "has a NUL character, which no database stores"
                yield Problem(f"{post.path}value.{place}.content", message, stage="failure")
