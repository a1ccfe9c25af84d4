"""Reading webhook deliveries.

A delivery has no signature, no secret and no id, and since server release v2.12.0 it is an empty
list. Take it as a hint to look at the list of posts, never as a fact.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from postiz_async.errors import APIResponseValidationError
from postiz_async.models._base import DateTime, Model
from postiz_async.models.posts import PostChannel


class WebhookPost(Model, frozen=True, kw_only=True):
    """A published post."""

    id: str
    content: str = ""
    publish_date: DateTime | None = None
    release_url: str | None = field(name="releaseURL", default=None)
    state: str = ""
    channel: PostChannel | None = field(name="integration", default=None)


_decoder = msgspec.json.Decoder(list[WebhookPost])


def parse(body: bytes | str) -> list[WebhookPost]:
    """The posts of a delivery, often none.

    Args:
        body: the body of the request as it came.

    Raises:
        APIResponseValidationError: the body is not a delivery of Postiz.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise APIResponseValidationError(
            f"This is not a webhook delivery of Postiz: {error}."
        ) from error
