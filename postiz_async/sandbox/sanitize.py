"""What the server keeps of the HTML in a post.

Text without any `<` stays byte for byte. Anything else is parsed as a browser would, filtered,
and written anew.
"""

from __future__ import annotations

import re
from functools import lru_cache

from postiz_async.sandbox.html_names import BLANKS, DROPPED_WITH_CONTENT, VOID
from postiz_async.sandbox.html_tokens import EndTag
from postiz_async.sandbox.html_tree import Element, parse_fragment
from postiz_async.sandbox.rules import JS_BLANKS

__all__ = ["has_text", "reserialize", "sanitize"]

_KEPT_TAGS = frozenset(["p", "br", "strong", "u", "a", "ul", "li", "h1", "h2", "h3", "span"])

_DATA_ATTRIBUTE = re.compile(r"data-[-\w.\u00b7-\uffff]+")
_LINK = re.compile(r"(?:https?:|mailto:|[/#])", re.IGNORECASE)
_IGNORED_IN_LINKS = re.compile(r"[\x00-\x20\xa0\u1680\u180e\u2000-\u2029\u205f\u3000]")
_MARKUP = re.compile("[<>&\r\x00\xa0]")
_TAG = re.compile(r"<[^>]*>")


def sanitize(content: object) -> str:
    """The content that is stored; anything but text becomes empty text."""
    if not isinstance(content, str):
        return ""
    return content if "<" not in content else _parse_and_write(content)


def reserialize(sanitized: str) -> str:
    """Sanitised text, parsed and written once more, even where there is no `<` in it."""
    if not _MARKUP.search(sanitized):
        return sanitized
    return _parse_and_write(sanitized.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=64)  # a request is judged and stored in separate steps
def _parse_and_write(content: str) -> str:
    leading = content[: len(content) - len(content.lstrip(BLANKS))]
    return leading + _write(parse_fragment(content))


def has_text(sanitized: str) -> bool:
    """Whether anything but tags and blanks is left."""
    return bool(_TAG.sub("", sanitized).strip(JS_BLANKS))


def _write(root: Element) -> str:
    """Write what is kept of the tree; a list of what is to come, as trees may be deep."""
    written: list[str] = []
    pending: list[Element | EndTag | str] = list(reversed(root.children))
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            written.append(_escape(node).replace("<", "&lt;").replace(">", "&gt;"))
        elif isinstance(node, EndTag):
            written.append(f"</{node.name}>")
        elif node.name not in DROPPED_WITH_CONTENT:
            if node.name in _KEPT_TAGS:
                written.append(_start_tag(node))
                if node.name not in VOID:
                    pending.append(EndTag(node.name))
            pending += reversed(node.children)
    return "".join(written)


def _start_tag(element: Element) -> str:
    attributes = "".join(
        f' {name}="{_escape(value).replace(chr(34), "&quot;")}"'
        for name, value in _kept_attributes(element).items()
    )
    return f"<{element.name}{attributes}>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("\u00a0", "&nbsp;")


def _kept_attributes(element: Element) -> dict[str, str]:
    trimmed = {name: value.strip(JS_BLANKS) for name, value in element.attributes.items()}
    return {name: value for name, value in trimmed.items() if _is_kept(name, value)}


def _is_kept(name: str, value: str) -> bool:
    if name == "class" or _DATA_ATTRIBUTE.fullmatch(name):
        return True
    # the rule for links is applied to target and rel too, so that little of them survives
    is_link = name in {"href", "target", "rel"}
    return is_link and (not value or _LINK.match(_IGNORED_IN_LINKS.sub("", value)) is not None)
