"""Judge posts by the rules of the client, and answer as the server does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from postiz_async._sandbox import refusals
from postiz_async._sandbox.json import read_json
from postiz_async._sandbox.refusals import HttpError
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
from postiz_async.providers._schema import SettingsField, fields_of


def checked(shape: Shape, given: object, *more: str) -> Mapping[str, object]:
    """The fields of a body or a query, in their declared types.

    Args:
        shape: The rules.
        given: The body or the query.
        more: Messages about what the shape does not say.

    Raises:
        HttpError: The fields break the rules, or there are further messages.
    """
    found: list[Problem] = []
    values = judged(shape, as_object(given), "", found)
    if found or more:
        raise refusals.invalid([*map(server_message, found), *more])
    return values


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
        return refusals.invalid(messages)
    return refusals.bad_request(messages[0]) if stage == "channel" else refusals.internal_error()


def unknown_values(posts: Sequence[JudgedPost]) -> list[str]:
    """The messages about values of settings that only older releases accept."""
    return [
        message
        for post in posts
        if post.provider is not None
        for message in _unknown(
            fields_of(post.provider.settings), post.settings, f"{post.path}settings."
        )
    ]


def _unknown(
    fields: Sequence[SettingsField], values: Mapping[str, object], path: str
) -> Iterator[str]:
    for field in fields:
        value, where = values.get(field.name), f"{path}{field.name}"
        if field.known and value is not None and value not in field.known:
            yield f"{where} must be one of the following values: {', '.join(field.known)}"
        listed = ((f"{where}.{place}", each) for place, each in enumerate(as_list(value)))
        for place, each in ((where, value), *listed):
            yield from _unknown(field.fields, as_object(each), f"{place}.")


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
