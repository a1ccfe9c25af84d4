"""From tags to a tree, the way a browser repairs a fragment.

A subset of the tree construction of the HTML standard: paragraphs, lists, headings and
formatting are repaired as browsers do; tables are treated as ordinary elements.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postiz_async.sandbox.html_names import (
    BARRIERS,
    BLANKS,
    BLOCKS,
    BREAKS_OUT,
    FOREIGN,
    FORMATTING,
    HEAD_ONLY,
    HEADINGS,
    ITEMS,
    LIST_BARRIERS,
    QUIET,
    SKIPS_LINE,
    SPECIAL,
    VOID,
)
from postiz_async.sandbox.html_tokens import EndTag, StartTag, tokenize

__all__ = ["Element", "parse_fragment"]

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
