"""Recognise gateways in front of Postiz by their pages and their demands on clients. PURE."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from postiz_async._wire.requests import WireResponse

_TITLE = re.compile(rb"<title[^>]*>([^<]{1,1000})</title", re.IGNORECASE)
_SHOWN = 100

_KNOW = (
    "a gateway in front of Postiz wants to know who asks: give its header with "
    "POSTIZ_HEADERS='Name: value' or headers=."
)
_NO_CERTIFICATE = (
    "the server wants a client certificate, and none was sent",
    "A program gives it in the context that ssl= takes; whoever runs the server has one for you.",
)
_OTHER_CERTIFICATE = (
    "the server does not accept the client certificate",
    "Is it the right one, and of an authority that this server takes?",
)
_TLS = ("the server wants TLS at this port", "Use https:// in the address.")


class Demand(NamedTuple):
    """A demand of a gateway that has to be met before Postiz is reached, and how to meet it."""

    what: str
    advice: str


def title_of(response: WireResponse) -> str:
    """The title of a web page in readable form; empty if it has none."""
    found = _TITLE.search(response.body[:10_000])
    text = html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text.partition(". ")[0][:_SHOWN]


def demand_of(response: WireResponse) -> Demand | None:
    """The demand in an answer of a gateway or web server such as nginx; None if there is none."""
    body, status = response.body, response.status
    if status == 400 and b"SSL certificate" in body:
        return Demand(*(_NO_CERTIFICATE if b"No required" in body else _OTHER_CERTIFICATE))
    if status == 400 and b"plain HTTP request" in body:
        return Demand(*_TLS)
    if status == 401:
        return Demand("", _KNOW[0].upper() + _KNOW[1:])
    location = response.headers.get("location", "")
    path = location.partition("?")[0].rstrip("/")
    is_of_postiz = path.endswith("/auth") or "/public/v1" in path
    if 300 <= status < 400 and "://" in path and not is_of_postiz:
        return Demand("", f"Is that a page to log in? Then {_KNOW}")
    return None
