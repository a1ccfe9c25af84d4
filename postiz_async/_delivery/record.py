"""A delivery: one request on its way into Postiz, and what is known of it. PURE.

A record keeps no content. What was asked for is there as short hashes, one for each part, so that
it can be said what differs. What was sent is built again with its marks, of the body that an outbox
keeps beside it, or of the arguments of the next call with its key.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._wire import format_date
from postiz_async.errors import (
    BadRequestError,
    InvalidPostError,
    Problem,
    describe_json_error,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from postiz_async._resources.keyed import Said
    from postiz_async.models.posts import CreatePost

LONGEST_TEXT = 4_096
"""Characters of a server's refusal that are kept."""


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `BadRequestError` as it is kept, to be raised again."""

    status: int
    text: str
    provider: str | None = None
    channel: str | None = None
    hint: str = ""
    body: bytes = b""

    @classmethod
    def of(cls, error: BadRequestError) -> Refusal:
        """What is kept of an error."""
        return cls(
            error.status_code,
            _writable(error.text[:LONGEST_TEXT]),
            None if error.provider is None else _writable(error.provider),
            None if error.channel_name is None else _writable(error.channel_name),
            error.hint,
            error.body,
        )

    def error(self) -> BadRequestError:
        """The error again."""
        return BadRequestError(
            self.text,
            status_code=self.status,
            body=self.body,
            provider=self.provider,
            channel_name=self.channel,
            hint=self.hint,
        )


def _writable(text: str) -> str:
    """A text without halves of characters, which a server's words may have."""
    return text.encode("utf-8", "replace").decode()


State: TypeAlias = Literal[
    "planned", "leaving", "lost", "stored", "refused", "late", "withdrawn", "undecided"
]
"""Of these the last five do not change any more."""


class DeliveryPost(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True, gc=False):
    """One post of a delivery; `id` is empty while it is not known to be stored."""

    channel: str
    id: str = ""
    ref: str = ""
    """By which a campaign knows its row."""


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request so far; `transitions` has the law of its changes.

    Moments are in seconds of its store's clock, or else of the monotonic clock of its host in that
    `run`; only `served_at` and `due` are by the server's.

    `posts` are in the order of the call. `due` is the date of an outbox's posts, or without one
    (`is_dated` is False) when they were handed over. `date` is that which was sent, with its mark.
    `attempt` names the sending: whoever has it may say how it ended. It left at `left_at`
    (`served_at`), and from `gone_at` on nobody is sending it any more. Until `until` it is its
    sender's while it leaves, and its `holder`'s while it is looked up; what is planned rests until
    then, because it was `forbidden` so many times. `seen` and `seen_at` are what was seen so far,
    see `lookup.Looks`. At `mended_at` the repair of a post of it was about to leave. `note` says
    why it is in its state.
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
        """The places of its posts that are not known to be stored."""
        return [place for place, post in enumerate(self.posts) if not post.id]

    def placed(self, ids: Mapping[int, str]) -> dict[int, str]:
        """Ids by the places of its posts; they are given by those of its request."""
        missing = self.missing
        return {missing[place]: post_id for place, post_id in ids.items()}

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in {"planned", "leaving", "lost"}

    @property
    def is_bare(self) -> bool:
        """Whether it says nothing: any call may begin."""
        return self.state == "planned" and not self.stored

    def is_leaving_at(self, now: float) -> bool:
        """Whether it may be on its way by its sender's own doing."""
        return self.state == "leaving" and now < self.until

    def is_held_at(self, now: float) -> bool:
        """Whether somebody looks it up."""
        return self.state == "lost" and bool(self.holder) and now < self.until

    def with_stored(self, ids: Mapping[int, str]) -> tuple[DeliveryPost, ...]:
        """Its posts with the ids of some places."""
        return tuple(
            replace(post, id=ids.get(place, post.id)) for place, post in enumerate(self.posts)
        )

    def begun_anew(self, run: str, now: float, held_for: float) -> DeliveryRecord:
        """The same, as if it had been sent now: how long ago that was is not known."""
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
"""A delivery of which nothing is known."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeliveryRecord)


def write_record(delivery: DeliveryRecord) -> bytes:
    """A delivery as a store keeps it."""
    if delivery.note:  # of a server's words some are no text
        delivery = replace(delivery, note=_writable(delivery.note).replace("\0", ""))
    return _encoder.encode(delivery)


def read_record(value: bytes | None) -> DeliveryRecord:
    """A delivery as a store kept it; None: there is none.

    Raises:
        msgspec.DecodeError: it is damaged, or of another version of the library.
        UnicodeDecodeError: it is damaged.
    """
    return BARE if value is None else _decoder.decode(value)


def sent_request(
    kept: DeliveryRecord, body: CreatePost, number: int = 0, refs: tuple[str, ...] = ()
) -> SentRequest:
    """A request as it was sent.

    Args:
        kept: the delivery.
        body: what was sent of it.
        number: of the delivery.
        refs: what its posts are called; without, they are the places that are missing.
    """
    mended_at = kept.served_at + kept.mended_at - kept.left_at if kept.mended_at else 0.0
    return SentRequest(
        number, body, refs or tuple(map(str, kept.missing)), kept.served_at, mended_at
    )


# ------------------------------------------------------------------ what was asked for


def fingerprint_of(said: Said) -> dict[str, str]:
    """A short hash for each part of the arguments of a call, by its path.

    Raises:
        InvalidPostError: JSON has no word for one of them.
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
    """The paths of what differs; of a post that only one of them has, its own path."""
    changed = [path for path in {**kept, **given} if kept.get(path) != given.get(path)]
    both = set(map(_post, kept)) & set(map(_post, given))
    return tuple(dict.fromkeys(path if _post(path) in both else _post(path) for path in changed))


def _post(path: str) -> str:
    """The path of the post that something belongs to; itself where it belongs to none."""
    return ".".join(path.split(".")[:2])


# ------------------------------------------------------------------ marks


class KeyMarks:
    """By what the posts of a key are known in the server's list; see `delivery.matching`.

    Args:
        quota: the name of the quota that the key belongs to.
        key: the caller's key.
    """

    def __init__(self, quota: str, key: str) -> None:
        digest = hashlib.sha256(f"{quota}\n{key}".encode())
        self.campaign: str = digest.hexdigest()
        self.milliseconds: int = int.from_bytes(digest.digest()[:8]) % 999 + 1

    def date(self, moment: datetime) -> str:
        """A date with the milliseconds of the key, as it is sent."""
        return format_date(moment.replace(microsecond=1000 * self.milliseconds))

    def ref(self, place: int) -> str:
        """What is in the settings of the post at this place of the call."""
        return client_ref(self.campaign, str(place))


def marked(body: CreatePost, marks: KeyMarks, date: str, places: Sequence[int]) -> CreatePost:
    """The request that is sent, or was sent, of some posts of a call.

    What is to be published at once is sent with the moment of sending, which the server would
    give it otherwise, without a mark.

    Args:
        body: the request as the caller means it, with all posts.
        marks: of the key.
        date: as `marks.date` makes it.
        places: of the posts that are sent.
    """
    posts = [
        replace(item, settings={**item.settings, CLIENT_REF: marks.ref(place)})
        for place, item in enumerate(body.posts)
        if place in places
    ]
    kind = "schedule" if body.type == "now" else body.type
    return replace(body, type=kind, date=date, posts=posts)
