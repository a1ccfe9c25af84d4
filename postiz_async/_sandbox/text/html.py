"""Filter the HTML in a post as the server does: parse it like a browser, filter, write.

Text without any `<` stays byte for byte.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from postiz_async._sandbox.rules.fields import JS_BLANKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from justhtml import Node


_BLANKS = "\t\n\f\r "

_KEPT_TAGS = frozenset(["p", "br", "strong", "u", "a", "ul", "li", "h1", "h2", "h3", "span"])

_DROPPED_WITH_CONTENT = frozenset(
    [
        *("audio", "colgroup", "desc", "foreignobject", "head", "iframe", "math", "noembed"),
        *("noframes", "noscript", "plaintext", "script", "style", "svg", "template", "thead"),
        *("title", "video", "xmp"),
    ]
)
"""Elements that are dropped with their content; of other removed elements the content stays."""

_DATA_ATTRIBUTE = re.compile(r"data-[-\w.\u00b7-\uffff]+")
_LINK = re.compile(r"(?:https?:|mailto:|[/#])", re.IGNORECASE)
_IGNORED_IN_LINKS = re.compile(r"[\x00-\x20\xa0\u1680\u180e\u2000-\u2029\u205f\u3000]")
_MARKUP = re.compile("[<>&\r\x00\xa0]")
_TAG = re.compile(r"<[^>]*>")


def sanitize(content: object) -> str:
    """The content as stored; any value but text becomes empty text."""
    if not isinstance(content, str):
        return ""
    return content if "<" not in content else _parse_and_write(content)


def reserialize(sanitized: str) -> str:
    """Sanitised text, parsed and written once more, even if it has no `<`."""
    if not _MARKUP.search(sanitized):
        return sanitized
    return _parse_and_write(sanitized.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=64)  # the same text is checked, counted and stored in separate steps
def _parse_and_write(content: str) -> str:
    leading = content[: len(content) - len(content.lstrip(_BLANKS))]
    return leading + _write(_parse(content))


def has_text(sanitized: str) -> bool:
    """Whether anything but tags and blanks is left."""
    return bool(_TAG.sub("", sanitized).strip(JS_BLANKS))


def _parse(content: str) -> list[Node]:
    """The nodes in the body of the document."""
    from justhtml import JustHTML  # noqa: PLC0415  (a sandbox without any HTML starts faster)

    # the comment keeps a byte order mark, which at the very beginning is not part of a document
    document = JustHTML(f"<!---->{content}", sanitize=False, scripting_enabled=False)
    body = document.query_one("body")
    return [] if body is None else body.children or []


def _write(nodes: list[Node]) -> str:
    """Write the nodes that are kept, without recursion, as trees may be deep."""
    written: list[str] = []
    pending: list[Node | str] = list(reversed(nodes))
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            written.append(node)
        elif node.name == "#text":
            written.append(_escape(str(node.data)).replace("<", "&lt;").replace(">", "&gt;"))
        elif node.name not in _DROPPED_WITH_CONTENT:
            if node.name in _KEPT_TAGS:
                written.append(f"<{node.name}{_write_attributes(node.attrs or {})}>")
                if node.name != "br":
                    pending.append(f"</{node.name}>")
            pending += reversed(node.children or [])
    return "".join(written)


def _write_attributes(attributes: Mapping[str, str | None]) -> str:
    trimmed = {name: (value or "").strip(JS_BLANKS) for name, value in attributes.items()}
    return "".join(
        f' {name}="{_escape(value).replace(chr(34), "&quot;")}"'
        for name, value in trimmed.items()
        if _is_kept(name, value)
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("\u00a0", "&nbsp;")


def _is_kept(name: str, value: str) -> bool:
    if name == "class" or _DATA_ATTRIBUTE.fullmatch(name):
        return True
    # the rule for links is applied to target and rel too, so that little of them survives
    is_link = name in {"href", "target", "rel"}
    return is_link and (not value or _LINK.match(_IGNORED_IN_LINKS.sub("", value)) is not None)
