"""Synchronous code: a client that waits, for Flask, Django views, scripts, notebooks and Celery.

    with Postiz() as postiz:
        postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

Everything has the name, the arguments and the errors that it has in `postiz_async`, without
`await`; `aclose` is called `close`. What is given and returned is the same, so the rest is imported
from there. A client lives in an event loop in a thread of its own and may be used by any number of
threads. Functions given to a call are called in the thread that makes it, while it waits; hooks of
the client in the client's thread.
"""

from __future__ import annotations

from postiz_async.blocking._base import BlockingIterator
from postiz_async.blocking._campaigns import Campaign
from postiz_async.blocking._clients import Postiz, PostizPool
from postiz_async.blocking._outboxes import Outbox

__all__ = ["BlockingIterator", "Campaign", "Outbox", "Postiz", "PostizPool"]
