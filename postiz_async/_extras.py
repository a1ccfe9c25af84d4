"""What to say where the package of an extra is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

PUBLISHED: bool = False
"""Whether the name on the index is ours. Until it is, people install from a clone."""


def extra_needed(who: str, extra: str) -> str:
    """A sentence with the command that installs an extra.

    Args:
        who: Subject and verb, such as `PostgreSQL needs`.
        extra: The extra's name.
    """
    if PUBLISHED:
        return f"{who} the {extra} extra: python -m pip install 'postiz-async[{extra}]'"
    return (
        f"{who} the {extra} extra. In your clone of postiz_async: "
        f"python -m pip install '.[{extra}]'"
    )


@contextmanager
def importing(extra: str, module: str) -> Generator[None]:
    """Let a failed import inside say which extra it needs; it stays the `ImportError` that it is.

    Args:
        extra: The extra's name.
        module: `__name__` of the module that needs it.
    """
    try:
        yield
    except ImportError as error:
        needed = extra_needed(f"{module} needs", extra)
        raise type(error)(f"{error}. {needed}", name=error.name, path=error.path) from None
