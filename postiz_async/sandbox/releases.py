"""How releases of the server differ, as far as a client can see it."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HEAD", "Release", "Version"]

Version = tuple[int, int, int]

HEAD: Version = (9999, 0, 0)
"""Stands for what is on the main branch and in no release yet."""

_SPELLING = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the server, for example `v2.19.0`, or `HEAD`."""

    version: Version

    @classmethod
    def parse(cls, text: str) -> Release:
        """Read the name of a release."""
        if text.upper() == "HEAD":
            return cls(HEAD)
        found = _SPELLING.fullmatch(text)
        if found is None:
            raise ValueError(f"a release is written v1.2.3 or HEAD, not {text!r}")
        major, minor, patch = map(int, found.groups())
        return cls((major, minor, patch))

    def since(self, version: Version) -> bool:
        """Whether this release has what came with `version`."""
        return self.version >= version

    @property
    def throttle_in_redis(self) -> bool:
        """Whether the counter outlives the server process."""
        return self.since((2, 20, 0))

    @property
    def default_limit(self) -> int:
        """Requests in an hour where the operator sets nothing."""
        return 90 if self.since((2, 21, 8)) else 30

    def throttles(self, method: str, path: str) -> bool:
        """Whether a request to a public route is counted."""
        if self.since((2, 19, 0)):
            return method == "POST" and "/public/v1/posts" in path
        if self.since((1, 65, 2)):
            return "/public/v1/posts" in path or "/public/v1/upload" in path
        return True
