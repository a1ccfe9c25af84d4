"""Judge posts by the rules of the client, and answer as the server does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from postiz_async._sandbox.json import read_json
from postiz_async._sandbox.messages import HttpError, bad_request, internal_error, invalid
from postiz_async._sandbox.rows import ChannelRow
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._validation.javascript import as_list, as_object
from postiz_async._validation.messages import server_message
from postiz_async._validation.schema import Shape, judged
from postiz_async._validation.validate import judge, post_problems
from postiz_async._validation.warnings import JudgedPost
from postiz_async.errors import Problem
from postiz_async.models.channels import Channel
from postiz_async.providers import PROVIDERS


def fields_of(shape: Shape, given: object) -> Mapping[str, object]:
    """The fields of a body or a query, in their declared types.

    Raises:
        HttpError: They break the rules of the shape.
    """
    found: list[Problem] = []
    values = judged(shape, as_object(given), "", found)
    if found:
        raise invalid(list(map(server_message, found)))
    return values


def violations(shape: Shape, given: object) -> list[str]:
    """The messages about the fields of a body."""
    found: list[Problem] = []
    judged(shape, as_object(given), "", found)
    return list(map(server_message, found))


def judged_posts(
    call: ReceivedCall, body: Mapping[str, object], channels: Mapping[str, ChannelRow]
) -> Sequence[JudgedPost]:
    """The posts of a request, with their fields in the declared types.

    Raises:
        HttpError: A channel is not among `channels`, or a field breaks the rules.
    """
    known = {
        each.id: Channel(id=each.id, name=each.name, provider=each.provider)
        for each in channels.values()
    }
    judgement = judge(body, known, call.state.pictures)
    if judgement.problems:
        raise _refusal(judgement.problems)
    return judgement.posts


def _refusal(problems: Sequence[Problem]) -> HttpError:
    """The answer about the first problem, with all others of the request classes if it is one."""
    stage = problems[0].stage
    messages = [server_message(each) for each in problems if each.stage == stage]
    if stage == "body":
        return invalid(messages)
    return bad_request(messages[0]) if stage == "channel" else internal_error()


def first_problem(post: JudgedPost, channel: ChannelRow) -> Problem | None:
    """The first problem of a post that the request classes accept."""
    limits = {channel.id: longest_text(channel)} if channel.provider in PROVIDERS else {}
    return next(post_problems(post, limits), None)


def longest_text(channel: ChannelRow) -> int:
    """The characters of a text on a channel, unless settings say otherwise; 0 if not known."""
    provider = PROVIDERS.get(channel.provider)
    limits = () if provider is None else provider.limits
    settings = map(as_object, as_list(read_json(channel.additional_settings)))
    verified = any(each.get("title") == "Verified" and each.get("value") for each in settings)
    usual = (each for each in limits if each.when is None and each.verified <= verified)
    return max((each.characters for each in usual), default=0)
