"""Synchronous code: a client that waits, for Flask, Django views, scripts, notebooks and Celery.

    with Postiz() as postiz:
        postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

Everything has the name, the arguments and the errors that it has in `postiz_async`, without
`await`; `aclose` is called `close`. What is given and returned is the same, so the rest is imported
from there. A client may be used by any number of threads. Functions given to a call are called in
the thread that makes it, while it waits; hooks of a client in the thread of the event loop.
"""

from postiz_async.blocking._proxy import __getattr__ as __getattr__

__all__ = ["Campaign", "Outbox", "Postiz", "PostizPool"]  # noqa: F822  # pyright: ignore[reportUnsupportedDunderAll]
