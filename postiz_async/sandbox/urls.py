"""What the server takes for a URL."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["EXTENSION_RULE", "LOOSE_URL", "has_media_extension", "is_url"]

EXTENSION_RULE = "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4"

LOOSE_URL = re.compile(
    r"(?:|(?:https?://(?:www\.|(?!www))|www\.)"
    r"(?:[A-Za-z0-9]+|[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9])\.\S{2,})"
)
"""What some settings take for a link; empty text is one too."""

_MEDIA_EXTENSIONS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4")

_MAX_LENGTH = 2084
_SCHEME = re.compile(r"(?:https?|ftp)://", re.IGNORECASE)
_PORT = re.compile(r":(\d{1,5})$")
_LABEL = re.compile(r"(?!-)[-\w\u00a1-\uffff]{1,63}(?<!-)")
_TOP_LEVEL = re.compile(r"(?:[a-z\u00a1-\uffff]{2,}|xn[-a-z0-9]{2,})", re.IGNORECASE)
_MAX_PORT = 65_535


def has_media_extension(path: object) -> bool:
    """Whether the part before any `?` ends as a file that a post may contain."""
    return isinstance(path, str) and path.partition("?")[0].endswith(_MEDIA_EXTENSIONS)


def is_url(value: object) -> bool:
    """Whether the validator takes it for a URL: the scheme may be missing, the dot may not."""
    if not isinstance(value, str) or not value or len(value) > _MAX_LENGTH:
        return False
    if re.search(r"[\s<>]", value) or value.lower().startswith("mailto:"):
        return False
    scheme = _SCHEME.match(value)
    if scheme is None and ("://" in value or value.startswith("//")):
        return False
    rest = value[scheme.end() if scheme else 0 :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    port = _PORT.search(host)
    if port is not None:
        host = host[: port.start()]
        if not 0 < int(port[1]) <= _MAX_PORT:
            return False
    return _is_address(host.strip("[]")) or _is_domain(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_domain(host: str) -> bool:
    labels = host.split(".")
    if len(labels) < 2 or not _TOP_LEVEL.fullmatch(labels[-1]):
        return False
    return all(_LABEL.fullmatch(label) and "_" not in label for label in labels)
