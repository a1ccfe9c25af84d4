"""What the server tests post by post, unless they are drafts: media, number of parts, length. PURE.

It stops at the first complaint; here each post gets its own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from postiz_async._content import Counts, length, may_change, utf16_length
from postiz_async._validation.media import broken_rule
from postiz_async._validation.messages import server_message
from postiz_async._validation.request import settings_problems
from postiz_async.errors import InvalidPostError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postiz_async._validation.request import JudgedPost
    from postiz_async.providers._schema import MediaRule, Provider


_PARAGRAPHS = re.compile(r"(?:<p>[^<]*</p>)+")
LINK_WEIGHT = 23
"""Of X, as in `_content.links`, which takes long to import."""
_TOO_LONG = "post is too long, please fix it"


def post_problems(post: JudgedPost, max_lengths: Mapping[str, int]) -> Iterator[Problem]:
    """What is wrong with a post that the request classes accept."""
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
        except InvalidPostError as error:
            found += [replace(problem, where=where) for problem in error.problems]
            continue
        if size > most:
            hint = _length_hint(post, size, most, max_lengths)
            found.append(Problem(where, _TOO_LONG, hint=hint, stage="post"))
    return found


def _is_surely_short(content: str, most: int, counts: Counts) -> bool:
    """Whether a text is counted as at most what it has, and that is not too much."""
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
