"""Reading webhook deliveries.

A delivery has no signature, no secret and no id, and since server release v2.12.0 it is an empty
list. Take it as a hint to look at the list of posts, never as a fact.
"""

from __future__ import annotations

import msgspec

from postiz_async.errors import UnexpectedAnswerError
from postiz_async.models.webhooks import WebhookPost

__all__ = ["WebhookPost", "parse"]

_decoder = msgspec.json.Decoder(list[WebhookPost])


def parse(body: bytes | str) -> list[WebhookPost]:
    """The posts of a delivery, often none.

    Raises:
        UnexpectedAnswerError: the body is no delivery of Postiz.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnexpectedAnswerError(f"This is no webhook delivery of Postiz: {error}.") from error
