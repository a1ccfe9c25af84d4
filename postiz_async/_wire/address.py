"""Read the address of the API and the key, in any form in which people write them. PURE."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError

CLOUD_URL = "https://api.postiz.com"
"""The base URL of the hosted service."""

_PREFIX = "/public/v1"

_BEARER = re.compile(r"^bearer(\s+|$)", re.IGNORECASE)

_KEY = re.compile(r"[\x21-\x7e]+")

_NO_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f\\]")


def api_root(base_url: str) -> str:
    """The URL below which all routes live, from any form in which people write it.

    Accepts the server with or without `/public/v1` and with or without a trailing slash.

    Raises:
        ConfigurationError: it is not an http or https URL, or carries a query or a password.
    """
    text = base_url.strip()
    parts = split_url(text)
    if parts is None:
        # a text without dots and slashes may be the key in the wrong place, "@" a password
        shown = f" {text!r}" if re.search(r"[./:]", text) and "@" not in text else ""
        raise ConfigurationError(
            f"The base URL{shown} is not a web address. "
            "Write it like https://api.postiz.com or https://postiz.example.com/api."
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(
            "The base URL must not contain a query, a fragment or a password; "
            "the API key is a setting of its own (api_key, POSTIZ_API_KEY)."
        )
    host = _ascii_host(parts)
    port = f":{parts.port}" if parts.port is not None else ""
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    path = path.removesuffix(_PREFIX).rstrip("/")
    return f"{parts.scheme}://{host}{port}{path}{_PREFIX}"


def origin_of(url: str) -> str:
    """Scheme, host and port of a web address, to which the headers for a server may be sent.

    The usual port is left out.
    """
    parts = urlsplit(url)
    host = _ascii_host(parts).lower()
    is_usual = parts.port in {None, 443 if parts.scheme == "https" else 80}
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{parts.port}"


def split_url(text: str) -> SplitResult | None:
    """The parts of a web address, or None if it is not one."""
    try:
        text.encode()
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(_ascii_host(parts))
        is_fine = is_web and parts.port != 0 and not _NO_ADDRESS.search(text)
    except ValueError:  # UnicodeError is one
        return None
    return parts if is_fine else None


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host.encode("idna").decode()


def clean_key(api_key: str | Secret) -> Secret:
    """The key as the server expects it, without white space around it or `Bearer`.

    Raises:
        ConfigurationError: it is empty or has characters that no header can carry.
    """
    api_key = Secret.of(api_key)  # the error of a key that is wrong must not show it either
    key = Secret(_BEARER.sub("", api_key.reveal().strip()))
    if not key:
        raise ConfigurationError(
            "There is no API key. Find it in Postiz under Settings > Developers > Public API, "
            "and pass api_key=... or set POSTIZ_API_KEY."
        )
    if not _KEY.fullmatch(key.reveal()):
        raise ConfigurationError(
            "The API key contains a space, a line break or a character outside ASCII. "
            "Copy it again from Postiz under Settings > Developers > Public API."
        )
    return key
