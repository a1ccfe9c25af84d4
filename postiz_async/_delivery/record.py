"""The record of a delivery: the state of one request on its way into Postiz. PURE.

A record keeps no content. It has a short hash of each argument, so that differences can be named.
The request is built again with its marks: from the body that an outbox keeps beside the record, or
from the arguments of the next call with the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._resources.keyed import Said
from postiz_async._wire import format_date
from postiz_async.errors import APIResponse, BadRequestError, InvalidPostError, Problem
from postiz_async.models._base import describe_json_error
from postiz_async.models.posts import PostRequest

LONGEST_TEXT = 4_096
"""Characters kept of a server's refusal."""


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stored `BadRequestError`, from which it can be raised again."""

    status: int
    text: str
    provider: str | None = None
    channel: str | None = None
    hint: str = ""
    body: bytes = b""

    @classmethod
    def of(cls, error: BadRequestError) -> Refusal:
        """Keep the parts of an error."""
        return cls(
            error.status_code,
            _writable(error.text[:LONGEST_TEXT]),
            None if error.provider is None else _writable(error.provider),
            None if error.channel_name is None else _writable(error.channel_name),
            error.hint,
            error.body,
        )

    def error(self) -> BadRequestError:
        """Make the error again."""
        return BadRequestError(
            self.text,
            response=APIResponse(self.status, body=self.body),
            provider=self.provider,
            channel_name=self.channel,
            hint=self.hint,
        )


def _writable(text: str) -> str:
    """A text without lone surrogates, which a server's words may have."""
    return text.encode("utf-8", "replace").decode()


State: TypeAlias = Literal[
    "planned", "leaving", "lost", "stored", "refused", "late", "withdrawn", "undecided"
]
"""The states of a delivery; the last five are final."""


class DeliveryPost(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True, gc=False):
    """One post of a delivery; `id` is empty until the post is known to be stored."""

    channel: str
    id: str = ""
    ref: str = ""
    """The ref of the row in a campaign."""


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of a request; `transitions` has the rules of its changes.

    Times are in seconds of its store's clock, or else of the monotonic clock of its host in that
    `run`; only `served_at` and `due` are on the server's clock.

    `posts` are in the order of the call. `due` is the date of an outbox's posts, or without one
    (`is_dated` is False) when they were handed over. `date` is the date as sent, with its mark.
    `attempt` names the sending, which alone may write its outcome. The request left at `left_at`
    (`served_at`), and after `gone_at` it is no longer being sent. Until `until` it belongs to its
    sender while it leaves, and to its `holder` while it is looked up; a planned one rests until
    then, after it was `forbidden` so many times. `seen` and `seen_at` are results of look-ups, see
    `lookup.Looks`. At `mended_at` the repair of one of its posts was about to leave. `note` gives
    the reason for the state.
    """

    state: State
    posts: tuple[DeliveryPost, ...] = ()
    fingerprint: dict[str, str] = {}
    due: float = 0.0
    is_dated: bool = False
    date: str = ""
    run: str = ""
    attempt: str = ""
    left_at: float = 0.0
    served_at: float = 0.0
    gone_at: float = 0.0
    is_broken: bool = False
    holder: str = ""
    until: float = 0.0
    seen: dict[int, str] | None = None
    seen_at: float = 0.0
    mended_at: float = 0.0
    forbidden: int = 0
    note: str = ""
    refusal: Refusal | None = None

    @property
    def stored(self) -> dict[int, str]:
        """The ids of the posts that are known to be stored, by place."""
        return {place: post.id for place, post in enumerate(self.posts) if post.id}

    @property
    def missing(self) -> list[int]:
        """The places of the posts that are not known to be stored."""
        return [place for place, post in enumerate(self.posts) if not post.id]

    def placed(self, ids: Mapping[int, str]) -> dict[int, str]:
        """Values by place in the delivery, given values by place in its request."""
        missing = self.missing
        return {missing[place]: post_id for place, post_id in ids.items()}

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self.state not in {"planned", "leaving", "lost"}

    @property
    def is_bare(self) -> bool:
        """Whether the record is empty, so that any call may begin."""
        return self.state == "planned" and not self.stored

    def is_leaving_at(self, now: float) -> bool:
        """Whether the sender may still be sending the request."""
        return self.state == "leaving" and now < self.until

    def is_held_at(self, now: float) -> bool:
        """Whether a look-up is held."""
        return self.state == "lost" and bool(self.holder) and now < self.until

    def with_stored(self, ids: Mapping[int, str]) -> tuple[DeliveryPost, ...]:
        """The posts with the ids of some places filled in."""
        return tuple(
            replace(post, id=ids.get(place, post.id)) for place, post in enumerate(self.posts)
        )

    def begun_anew(self, run: str, now: float, held_for: float) -> DeliveryRecord:
        """The record as if sent now, used when the true age is unknown."""
        gone_at = now + max(0.0, self.gone_at - self.left_at)
        return replace(
            self,
            run=run,
            left_at=now,
            gone_at=gone_at,
            until=gone_at if self.state == "leaving" else now + held_for,
            seen=None,
            mended_at=now if self.mended_at else 0.0,
        )


BARE = DeliveryRecord(state="planned")
"""An empty record."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeliveryRecord)


def write_record(delivery: DeliveryRecord) -> bytes:
    """Encode a record for a store."""
    if delivery.note:  # a server's words may contain lone surrogates
        delivery = replace(delivery, note=_writable(delivery.note).replace("\0", ""))
    return _encoder.encode(delivery)


def read_record(value: bytes | None) -> DeliveryRecord:
    """Decode a record from a store; None: there is none.

    Raises:
        msgspec.DecodeError: the record is damaged, or of another version of the library.
        UnicodeDecodeError: the record is damaged.
    """
    return BARE if value is None else _decoder.decode(value)


def sent_request(
    kept: DeliveryRecord, body: PostRequest, number: int = 0, refs: tuple[str, ...] = ()
) -> SentRequest:
    """The request as it was sent.

    Args:
        kept: the delivery.
        body: the body that was sent.
        number: the number of the delivery.
        refs: names of its posts; by default the places that are missing.
    """
    mended_at = kept.served_at + kept.mended_at - kept.left_at if kept.mended_at else 0.0
    return SentRequest(
        number, body, refs or tuple(map(str, kept.missing)), kept.served_at, mended_at
    )


# ------------------------------------------------------------------ what was asked for


def fingerprint_of(said: Said) -> dict[str, str]:
    """A short hash of each argument of a call, by its path.

    Raises:
        InvalidPostError: JSON cannot express one of them.
    """
    parts = dict(said.request)
    for place, post in enumerate(said.posts):
        parts |= {f"posts.{place}.{name}": value for name, value in post.items()}
    return {path: _hash(path, value) for path, value in parts.items()}


def _hash(path: str, value: object) -> str:
    try:
        data = msgspec.json.encode(value, order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = Problem(path, f"cannot be written as JSON: {describe_json_error(error)}")
        raise InvalidPostError([problem]) from error
    return hashlib.sha256(data).hexdigest()[:16]


def differing(kept: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of the arguments that differ; a post on one side only counts as one path."""
    changed = [path for path in {**kept, **given} if kept.get(path) != given.get(path)]
    both = set(map(_post, kept)) & set(map(_post, given))
    return tuple(dict.fromkeys(path if _post(path) in both else _post(path) for path in changed))


def _post(path: str) -> str:
    """The path of the post that a path lies in; the path itself if it lies in none."""
    return ".".join(path.split(".")[:2])


# ------------------------------------------------------------------ marks


class KeyMarks:
    """The marks of a key's posts in the server's list; see `delivery.matching`.

    Args:
        quota: the name of the quota that the key belongs to.
        key: the caller's key.
    """

    def __init__(self, quota: str, key: str) -> None:
        digest = hashlib.sha256(f"{quota}\n{key}".encode())
        self.campaign: str = digest.hexdigest()
        self.milliseconds: int = int.from_bytes(digest.digest()[:8]) % 999 + 1

    def date(self, moment: datetime) -> str:
        """The date with the milliseconds of the key."""
        return format_date(moment.replace(microsecond=1000 * self.milliseconds))

    def ref(self, place: int) -> str:
        """The `client_ref` of the post at this place of the call."""
        return client_ref(self.campaign, str(place))


def marked(body: PostRequest, marks: KeyMarks, date: str, places: Sequence[int]) -> PostRequest:
    """The request with marks, for some of the posts of a call.

    Posts to be published at once get the time of sending as their date; the server would do the
    same, but without a mark.

    Args:
        body: the request as the caller means it, with all posts.
        marks: the marks of the key.
        date: made by `marks.date`.
        places: the places of the posts to send.
    """
    posts = [
        replace(item, settings={**item.settings, CLIENT_REF: marks.ref(place)})
        for place, item in enumerate(body.posts)
        if place in places
    ]
    kind = "schedule" if body.type == "now" else body.type
    return replace(body, type=kind, date=date, posts=posts)
