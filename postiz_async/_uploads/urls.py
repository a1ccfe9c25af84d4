"""Files on the web, which the server fetches. PURE."""

from __future__ import annotations

import hashlib

from postiz_async._media_types import POSTABLE
from postiz_async._uploads.inspect import FileFacts, refuse

_MIMES = {suffix: mime for mime, suffix in POSTABLE.items()} | {".jpeg": "image/jpeg"}
"""The kinds of files that the server fetches, by the end of their path."""


def is_url(value: object) -> bool:
    """Whether a source is an http or https URL."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL without its parts that may be secret: user, password, query."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:200]


def shown_name(name: str) -> str:
    """The name of a medium in a message; of a web address without what may be secret."""
    return shown(name) if is_url(name) else name


def inspect_url(url: str) -> FileFacts:
    """What the address of a file tells of it; nothing is fetched.

    Raises:
        InvalidInputError: the server would not fetch it.
    """
    path = url.partition("?")[0]
    mime = next((mime for suffix, mime in _MIMES.items() if path.endswith(suffix)), None)
    if url[:8].lower() != "https://" or mime is None:
        suffixes = " ".join(sorted(_MIMES))
        raise refuse(
            f"{shown(url)} cannot be fetched by the server, which takes https addresses whose path "
            f"ends in {suffixes} (lower case)",
            "save the file, and give its name",
        )
    return FileFacts(hashlib.sha256(url.encode()).hexdigest(), 0, mime, url)
