"""`validate`: the server's verdict on a request, before a slot is spent on it. PURE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from postiz_async._validation.parse import failures, read
from postiz_async._validation.posts import post_problems
from postiz_async._validation.request import judge
from postiz_async._validation.warnings import request_warnings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from postiz_async._validation.media import MediaFacts
    from postiz_async._validation.request import Body
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import CreatePost


def validate(
    request: CreatePost | Mapping[str, object],
    *,
    channels: Mapping[str, Integration] | Iterable[Integration],
    media: Mapping[str, MediaFacts] | None = None,
    now: datetime | None = None,
    max_lengths: Mapping[str, int] | None = None,
    past: Literal["error", "warning"] = "error",
) -> list[Problem]:
    """What the server would refuse in a create request, in its order, and warnings.

    Never raises for bad input. The first error is the server's verdict: `server_message` gives
    its text. The server stops at the first stage that complains; here each stage looks at what
    the one before has accepted, so that all can be mended at once.

    Args:
        request: the body, typed, or as JSON would be decoded.
        channels: the channels of the organisation, or a mapping by their ids.
        media: pixels and bytes of media by path or id, as far as they are known.
        now: the time, for dates in the past, which publish at once; None does not look at it.
        max_lengths: characters by channel id, as its settings tell; a verified X has more.
        past: how bad a date in the past is.

    Returns:
        Errors first, in the server's order; then warnings. Paths are those of the body.
    """
    given, problems = read(request)
    if problems:
        return problems
    if isinstance(channels, dict) or isinstance(channels, Mapping):  # noqa: SIM101 - much quicker
        by_id = cast("Mapping[str, Integration]", channels)
    else:
        by_id = {each.id: each for each in channels}
    body = judge(given, by_id, media or {})
    found = [*body.problems, *failures(body), *_post_by_post(body, max_lengths or {})]
    found += request_warnings(body, now, past)
    if found:
        found.sort(key=lambda problem: problem.severity == "warning")
    return found


def _post_by_post(body: Body, max_lengths: Mapping[str, int]) -> list[Problem]:
    """What is tested post by post; a draft is stored whatever it is, and cannot be scheduled."""
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
