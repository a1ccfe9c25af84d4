"""A create with an idempotency key: its arguments, and the protocol for sending it once.

`_delivery.idempotency`, in a layer above this package, implements the protocol `KeyedCreates`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import msgspec
from msgspec import UNSET

from postiz_async._resources.builder import CreateCall, NewCreate
from postiz_async._resources.create_body import (
    at_post,
    encode_create,
    refusing_posts,
)
from postiz_async._wire import format_date
from postiz_async.errors import InvalidInputError, InvalidPostError, Problem, UsageError
from postiz_async.models.media import Media
from postiz_async.models.posts import Content, Created, NewPost, PostRequest, PostType, ThreadPart
from postiz_async.models.settings import ProviderSettings, RawSettings
from postiz_async.providers._registry import write_settings

LONGEST_KEY = 255
"""Characters of an idempotency key."""


class Said(NamedTuple):
    """The arguments of a call by name, as values that JSON can represent."""

    request: Mapping[str, object]
    posts: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedCreate:
    """A create with its arguments as given, before anything was looked up or built.

    Calls with equal `said` are the same.
    `build` makes the request and checks it against the time and the rules of the server; `rebuild`
    makes it to look for what an earlier call sent: without any check, and without date and marks.
    """

    key: str
    call: CreateCall
    kind: PostType
    channels: tuple[str, ...]
    short_link: bool
    said: Said
    build: Callable[[], Awaitable[PostRequest]]
    rebuild: Callable[[], Awaitable[PostRequest]]


class KeyedCreates(Protocol):
    """Sends the create of each key once."""

    async def create(self, keyed: KeyedCreate) -> list[Created]:
        """Send a create, or return the answer of the first call if its key was already used.

        Raises:
            IdempotencyError: the key was used for something else.
            DeliveryUnknownError: whether it is stored cannot be known yet.
            PostizError: what sending it raises.
        """
        ...

    async def created(self, key: str) -> list[Created] | None:
        """Return the posts that are stored for a key; None if nothing has left with it."""
        ...


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_key(key: object, where: str = "idempotency_key") -> None:
    """Refuse what cannot be an idempotency key.

    Args:
        key: the value that was given.
        where: the name of the argument, for the problem.

    Raises:
        UsageError: it is not a text.
        InvalidPostError: it does not have 1 to 255 characters, or has some that no store keeps;
            often it comes from whoever calls the program.
    """
    if not isinstance(key, str):
        raise UsageError(f"An idempotency key must be a string, not {type(key).__name__}.")
    if not 0 < len(key) <= LONGEST_KEY:
        message = f"has {len(key):,} characters; a key has 1 to {LONGEST_KEY}"
        raise InvalidPostError([Problem(where, message)])
    if "\0" in key or _SURROGATE.search(key):
        message = f"{key!a} has characters that are not text: NUL, or half a pair"
        raise InvalidPostError([Problem(where, message)])


# ------------------------------------------------------------------ what was asked for


@refusing_posts()
def said_of(new: NewCreate, extra: bytes = b"") -> Said:
    """The arguments of `schedule`, `publish_now` and `draft`, whose types were checked.

    Args:
        new: the arguments.
        extra: further fields of the request, made by `encode_extra`.

    Raises:
        InvalidPostError: the moment has no time zone, or JSON cannot represent the settings.
    """
    request: dict[str, object] = {"kind": new.kind}
    if new.kind != "now":
        request["at"] = format_date(new.at, "at")
    request |= {"tags": list(new.tags), "short_link": new.short_link, **_said_extra(extra)}
    return Said(request, [_post(place, post) for place, post in enumerate(new.posts)])


def _said_extra(extra: bytes) -> dict[str, object]:
    return {"extra_body": extra.decode()} if extra else {}


def _post(place: int, post: NewPost) -> dict[str, object]:
    try:
        settings = _settings(post.settings)
    except InvalidInputError as error:
        raise InvalidPostError([at_post(place, each) for each in error.problems]) from error
    parts = [part if isinstance(part, ThreadPart) else ThreadPart(part) for part in post.thread]
    return {
        "channel": post.channel_id,
        "content": _content(post.content),
        "media": [_medium(medium) for medium in post.media],
        "settings": settings,
        "thread": [
            (_content(part.content), [_medium(medium) for medium in part.media], part.delay_minutes)
            for part in parts
        ],
    }


def _content(content: Content) -> object:
    if isinstance(content, str):
        return content
    return (type(content).__name__, msgspec.structs.astuple(content))


def _medium(medium: Media) -> tuple[object, ...]:
    """The parts of a medium that are sent; only some processes know its pixels and bytes."""
    return (medium.id, medium.path, medium.alt, medium.thumbnail)


def _settings(settings: ProviderSettings | RawSettings | Mapping[str, object] | None) -> object:
    """The settings without defaults, of which a later version of the library may know more."""
    if settings is None:
        return None
    written = write_settings(settings)
    if isinstance(settings, ProviderSettings):
        for field in msgspec.structs.fields(settings):
            if _default(field) == getattr(settings, field.name):
                written.pop(field.encode_name, None)
    return written


def _default(field: msgspec.structs.FieldInfo) -> object:
    make = field.default_factory
    return make() if callable(make) else field.default


def said_of_body(body: PostRequest, extra: bytes = b"") -> Said:
    """The request that `send` was given; without its date if it is published at once."""
    request: dict[str, object] = msgspec.to_builtins(body)
    posts = cast("list[dict[str, object]]", request.pop("posts"))
    if body.type == "now":
        del request["date"]
    return Said(request | _said_extra(extra), posts)


def well_formed(body: PostRequest) -> PostRequest:
    """The request, if its parts have their declared types and it creates new posts.

    Raises:
        InvalidPostError: they are not.
        UsageError: it changes a post.
    """
    try:
        read = msgspec.json.decode(bytes(encode_create(body)), type=PostRequest)
    except msgspec.ValidationError as error:
        raise InvalidPostError([Problem("body", f"is not a request: {error}")]) from error
    if read.type == "update" or any(p.id is not UNSET for post in read.posts for p in post.value):
        raise UsageError(
            "An idempotency key is for new posts. What changes a post can be repeated as it is: "
            "leave idempotency_key out."
        )
    return read


def keyed_body(
    key: str, call: CreateCall, body: PostRequest, build: Callable[[], Awaitable[PostRequest]]
) -> KeyedCreate:
    """The `KeyedCreate` for a body that `send` was given with a key.

    Raises:
        InvalidPostError: the body is not a request, or the key is not valid.
        UsageError: it changes a post.
    """
    read = well_formed(body)
    check_key(key)

    async def rebuild() -> PostRequest:
        return read

    return KeyedCreate(
        key=key,
        call=call,
        kind=read.type,
        channels=tuple(item.channel.id for item in read.posts),
        short_link=read.short_link,
        said=said_of_body(read, call.extra),
        build=build,
        rebuild=rebuild,
    )
