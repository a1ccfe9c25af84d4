"""What the server keeps of the HTML in a post: tokens, a tree as browsers build it, a filter.

Text without any `<` stays byte for byte. The parser of the standard library is not used: it treats
unfinished tags and raw text differently from browsers, and not the same in every Python version. A
subset of the tree construction of the HTML standard: paragraphs, lists, headings and formatting are
repaired as browsers do; tables are treated as ordinary elements.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from functools import lru_cache
from html.entities import html5
from typing import TYPE_CHECKING

from postiz_async.sandbox.rules.fields import JS_BLANKS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "BARRIERS",
    "BLANKS",
    "BLOCKS",
    "BREAKS_OUT",
    "DROPPED_WITH_CONTENT",
    "ESCAPABLE_RAW_TEXT",
    "FOREIGN",
    "FORMATTING",
    "HEADINGS",
    "HEAD_ONLY",
    "ITEMS",
    "LIST_BARRIERS",
    "QUIET",
    "RAW_TEXT",
    "SKIPS_LINE",
    "SPECIAL",
    "VOID",
    "Element",
    "EndTag",
    "HtmlToken",
    "StartTag",
    "has_text",
    "parse_fragment",
    "reserialize",
    "sanitize",
    "tokenize",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BLANKS = "\t\n\f\r "

RAW_TEXT = _names("iframe noembed noframes script style xmp")
ESCAPABLE_RAW_TEXT = _names("textarea title")

VOID = _names("area base br col embed hr img input link meta param source track wbr")

HEADINGS = _names("h1 h2 h3 h4 h5 h6")

FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")

BLOCKS = HEADINGS | _names(
    """address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption
    figure footer form header hgroup hr li listing main menu nav ol p pre search section summary
    table ul xmp"""
)

BARRIERS = _names("applet button caption html marquee object table td template th")
"""End tags do not reach beyond these."""

SPECIAL = BLOCKS | BARRIERS

ITEMS = {"li": _names("li"), "dd": _names("dd dt"), "dt": _names("dd dt")}
"""What the start of an item ends."""

LIST_BARRIERS = SPECIAL - _names("address dd div dt li p")
"""The start of an item does not end items beyond these."""

HEAD_ONLY = _names("base link meta noframes script style template title")
"""The body of a document does not begin with these."""

QUIET = HEAD_ONLY | _names("iframe noembed")
"""Formatting that is still open is not opened again for these."""

SKIPS_LINE = _names("listing pre textarea")
"""A line end right behind the start tag is no content."""

FOREIGN = _names("math svg")

BREAKS_OUT = HEADINGS | _names(
    """b big blockquote body br center code dd div dl dt em embed head hr i img li listing menu
    meta nobr ol p pre ruby s small span strike strong sub sup table tt u ul var"""
)
"""These end foreign content, which cannot contain them."""

DROPPED_WITH_CONTENT = _names(
    """audio colgroup desc foreignobject head iframe math noembed noframes noscript plaintext
    script style svg template thead title video xmp"""
)
"""The sanitiser drops these whole; of other elements that are not kept, the text stays."""


_ATTRIBUTE = re.compile(
    r"""
    [\s/]*
    (?P<name>[^\s/>=][^\s/>=]*|=[^\s/>=]*)
    (?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"'][^\s>]*)|(?=>)))?
    """,
    re.VERBOSE,
)
_TAG_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_TAG_END = re.compile(r"[\s/]*>")
_BARE_REFERENCE = re.compile(r"&([A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9;])")


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag; names in lower case, the first of equal attributes counts."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    self_closing: bool = False


@dataclass(frozen=True, slots=True)
class EndTag:
    """An end tag."""

    name: str


HtmlToken = StartTag | EndTag | str
"""A tag, or text with its entities decoded."""


def tokenize(text: str) -> Iterator[HtmlToken]:
    """Cut `text` into tokens; comments and declarations are left out.

    Text comes in pieces: two tokens of text may follow each other.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    spot = 0
    while spot < len(text):
        opening = text.find("<", spot)
        if opening != spot:
            end = opening if opening >= 0 else len(text)
            yield html.unescape(text[spot:end]).replace("\0", "")
            spot = end
            continue
        token, spot = _read_markup(text, spot)
        if token is not None:
            yield token
        if isinstance(token, StartTag) and token.name in RAW_TEXT | ESCAPABLE_RAW_TEXT:
            raw, spot = _read_raw_text(text, spot, token.name)
            raw = raw.replace("\0", "\ufffd")
            yield html.unescape(raw) if token.name in ESCAPABLE_RAW_TEXT else raw


def _read_markup(text: str, spot: int) -> tuple[HtmlToken | None, int]:
    """Read what begins with `<` at `spot`; returns it and where to go on."""
    if text.startswith("<!--", spot):
        return None, _after(text, "-->", spot + 4)
    if text.startswith(("<!", "<?"), spot):
        return None, _after(text, ">", spot + 2)
    is_end = text.startswith("</", spot)
    name = _TAG_NAME.match(text, spot + (2 if is_end else 1))
    if name is not None:
        return _read_tag(text, name, is_end=is_end)
    if is_end and len(text) > spot + 2:
        return None, _after(text, ">", spot + 2)
    return "<", spot + 1


def _read_tag(text: str, name: re.Match[str], *, is_end: bool) -> tuple[HtmlToken | None, int]:
    attributes: dict[str, str] = {}
    spot = name.end()
    while (end := _TAG_END.match(text, spot)) is None:
        found = _ATTRIBUTE.match(text, spot)
        if found is None or found.end() >= len(text):
            return None, len(text)  # the text ends within the tag: nothing of it remains
        value = found["double"] or found["single"] or found["bare"] or ""
        attributes.setdefault(found["name"].lower(), _unescape_value(value))
        spot = found.end()
    tag_name = name.group().lower()
    if is_end:
        return EndTag(tag_name), end.end()
    self_closing = text[end.end() - 2] == "/"
    return StartTag(tag_name, attributes, self_closing), end.end()


def _unescape_value(value: str) -> str:
    """Decode entities, but not the ones without semicolon that a query string may contain."""

    def guard(found: re.Match[str]) -> str:
        is_entity = found[1] in html5 and value[found.end() : found.end() + 1] != "="
        return found.group() if is_entity else f"&amp;{found[1]}"

    return html.unescape(_BARE_REFERENCE.sub(guard, value)).replace("\0", "\ufffd")


def _read_raw_text(text: str, spot: int, name: str) -> tuple[str, int]:
    closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, spot)
    end = closing.start() if closing else len(text)
    return text[spot:end], end


def _after(text: str, closing: str, spot: int) -> int:
    found = text.find(closing, spot)
    return len(text) if found < 0 else found + len(closing)


_COPIES = 3
"""How many equal formatting elements, and how many levels of them, are repaired."""


@dataclass(slots=True, eq=False)
class Element:
    """An element with its children in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    children: list[Element | str] = field(default_factory=list["Element | str"])
    parent: Element | None = field(default=None, repr=False)

    def append(self, child: Element | str) -> None:
        """Put a child at the end, taking it away from where it was."""
        if isinstance(child, Element):
            if child.parent is not None:
                child.parent.children.remove(child)
            child.parent = self
        self.children.append(child)

    def adopt_children(self, other: Element) -> None:
        """Take all children of another element."""
        self.children, other.children = other.children, []
        for child in self.children:
            if isinstance(child, Element):
                child.parent = self

    def copy(self) -> Element:
        """The same element without its children."""
        return Element(self.name, dict(self.attributes))


def parse_fragment(text: str) -> Element:
    """Parse `text` into a nameless root element."""
    builder = _Builder()
    for token in tokenize(text):
        if isinstance(token, StartTag):
            builder.start(token)
        elif isinstance(token, EndTag):
            builder.end(token.name)
        else:
            builder.text(token)
    return builder.root


class _Builder:
    """Builds the body of a document, which begins with its first real content."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]
        self._formatting: list[Element] = []
        self._has_begun = False
        self._skips_line = False
        self._has_met_foreign = False
        self._paragraphs = 0
        """How many are open: both keep deep trees from being searched for what they lack."""

    def text(self, text: str) -> None:
        if not self._has_begun and self._open[-1] is self.root:
            text = text.lstrip(BLANKS)
            if not text:
                return
            self._has_begun = True
        if not self._in_foreign and self._open[-1].name not in QUIET:
            self._reconstruct()
        self._open[-1].append(text.removeprefix("\n") if self._skips_line else text)
        self._skips_line = False

    def start(self, tag: StartTag) -> None:
        self._has_begun = self._has_begun or tag.name not in HEAD_ONLY
        if self._in_foreign and tag.name in BREAKS_OUT:
            self._pop_through(next(each for each in self._open if each.name in FOREIGN))
        if self._in_foreign:
            self._insert(tag, leaf=tag.self_closing)
            return
        if tag.name in BLOCKS - {"table"}:
            self._make_room(tag.name)
        elif tag.name == "a":
            self._close_link()
        if tag.name not in BLOCKS | QUIET:
            self._reconstruct()
        foreign_leaf = tag.name in FOREIGN and tag.self_closing
        element = self._insert(tag, leaf=tag.name in VOID or foreign_leaf)
        if tag.name in FORMATTING:
            self._remember(element)

    def end(self, name: str) -> None:
        self._skips_line = False
        if not self._has_begun and self._open[-1] is self.root and name != "br":
            return
        if self._in_foreign:
            self._close_nearest(name)
        elif name in {"p", "br"} and (name == "br" or not self._in_scope("p", BARRIERS)):
            self.start(StartTag(name))
            if name == "p":
                self._pop_through(self._open[-1])
        elif name in FORMATTING:
            self._end_formatting(name)
        elif name in HEADINGS:
            self._close_scoped(HEADINGS)
        elif name in SPECIAL:
            self._close_scoped({name})
        else:
            self._close_nearest(name)

    @property
    def _in_foreign(self) -> bool:
        return self._has_met_foreign and any(each.name in FOREIGN for each in self._open)

    def _insert(self, tag: StartTag, *, leaf: bool) -> Element:
        self._skips_line = tag.name in SKIPS_LINE
        element = Element(tag.name, dict(tag.attributes))
        self._open[-1].append(element)
        if not leaf:
            self._open.append(element)
            self._has_met_foreign = self._has_met_foreign or tag.name in FOREIGN
            self._paragraphs += tag.name == "p"
        return element

    def _make_room(self, name: str) -> None:
        """Close what a block element may not be inside of."""
        if name in ITEMS:
            self._close_item(ITEMS[name])
        if self._in_scope("p", BARRIERS):
            self._pop_through(self._nearest({"p"}))
        if name in HEADINGS and self._open[-1].name in HEADINGS:
            self._open.pop()

    def _close_item(self, names: frozenset[str]) -> None:
        for element in reversed(self._open):
            if element.name in names:
                self._pop_through(element)
                return
            if element.name in LIST_BARRIERS:
                return

    def _close_link(self) -> None:
        """A link within a link ends the outer one."""
        link = next((each for each in reversed(self._formatting) if each.name == "a"), None)
        if link is None:
            return
        self._end_formatting("a")
        if link in self._formatting:
            self._formatting.remove(link)
        if link in self._open:
            self._open.remove(link)

    def _in_scope(self, name: str, barriers: frozenset[str]) -> bool:
        if name == "p" and not self._paragraphs:
            return False
        for element in reversed(self._open):
            if element.name == name:
                return True
            if element.name in barriers:
                return False
        return False

    def _nearest(self, names: set[str] | frozenset[str]) -> Element:
        return next(element for element in reversed(self._open) if element.name in names)

    def _pop_through(self, element: Element) -> None:
        while True:
            popped = self._open.pop()
            self._paragraphs -= popped.name == "p"
            if popped is element:
                return

    def _close_scoped(self, names: set[str] | frozenset[str]) -> None:
        barriers = BARRIERS | {"ol", "ul"} if "li" in names else BARRIERS
        if any(self._in_scope(name, barriers) for name in names):
            self._pop_through(self._nearest(names))

    def _close_nearest(self, name: str) -> None:
        for element in reversed(self._open[1:]):
            if element.name == name:
                self._pop_through(element)
                return
            if element.name in SPECIAL:
                return

    def _remember(self, element: Element) -> None:
        """Keep formatting in mind, at most three times the same."""
        same = [
            other
            for other in self._formatting
            if other.name == element.name and other.attributes == element.attributes
        ]
        if len(same) == _COPIES:
            self._formatting.remove(same[0])
        self._formatting.append(element)

    def _reconstruct(self) -> None:
        """Open formatting again that a closed block took with it."""
        missing: list[int] = []
        for index in range(len(self._formatting) - 1, -1, -1):
            if self._formatting[index] in self._open:
                break
            missing.append(index)
        for index in reversed(missing):
            element = self._formatting[index].copy()
            self._open[-1].append(element)
            self._open.append(element)
            self._formatting[index] = element

    def _end_formatting(self, name: str) -> None:
        """The adoption agency: end formatting that a block may have been opened inside of."""
        if self._open[-1].name == name and self._open[-1] not in self._formatting:
            self._open.pop()
            return
        for _ in range(8):
            element = next((each for each in reversed(self._formatting) if each.name == name), None)
            if element is None:
                self._close_nearest(name)
                return
            if element not in self._open:
                self._formatting.remove(element)
                return
            below = self._open[self._open.index(element) + 1 :]
            block = next((each for each in below if each.name in SPECIAL), None)
            if block is None:
                self._pop_through(element)
                self._formatting.remove(element)
                return
            self._adopt(element, block)

    def _adopt(self, element: Element, block: Element) -> None:
        """Move `block` out of `element` and put a copy of `element` around its contents."""
        parent = self._open[self._open.index(element) - 1]
        last, mark = self._copy_between(element, block)
        parent.append(last)
        copy = element.copy()
        copy.adopt_children(block)
        block.append(copy)
        place = self._formatting.index(element if mark is None else mark) + (mark is not None)
        self._formatting.insert(place, copy)
        self._formatting.remove(element)
        self._open.remove(element)
        self._open.insert(self._open.index(block) + 1, copy)

    def _copy_between(self, element: Element, block: Element) -> tuple[Element, Element | None]:
        """Put copies of the formatting between the two around `block`.

        Returns:
            The outermost copy, or `block`, and the innermost copy, if there is one.
        """
        last, innermost = block, None
        between = self._open[self._open.index(element) + 1 : self._open.index(block)]
        for count, node in enumerate(reversed(between), start=1):
            if count > _COPIES and node in self._formatting:
                self._formatting.remove(node)
            if node not in self._formatting:
                self._open.remove(node)
                continue
            copy = node.copy()
            self._formatting[self._formatting.index(node)] = copy
            self._open[self._open.index(node)] = copy
            innermost = innermost or copy
            copy.append(last)
            last = copy
        return last, innermost


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
