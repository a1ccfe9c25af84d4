"""Convert Markdown to the HTML that the server keeps. PURE.

Networks that take plain text lose `br`, a second line in an `li`, and the break before a list.
So each line is a paragraph of its own, an empty one keeps blocks apart, and lists are written as
text (`- `, `1. `) unless the network takes HTML.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from postiz_async._content.html import MAX_HTML, escape, escape_value, is_kept_link, mention_span
from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models.posts import Mention

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


_MENTION = "mention:"
_EMPTY = "<p></p>"


def to_html(source: str, *, real_lists: bool = False) -> str:
    """The HTML of a Markdown text, bulleted lists as `ul` or as text.

    Raises:
        InvalidInputError: it is longer than any request may be.
    """
    if len(source) > MAX_HTML:
        message = f"has {len(source):,} characters of Markdown; the server reads {MAX_HTML:,}"
        raise InvalidInputError([Problem("content", message)])
    writer = _Writer(real_lists=real_lists)
    for token in _parser().parse(source):
        writer.take(token)
    return writer.html()


@cache
def _parser() -> MarkdownIt:
    """The parser; loaded when the first Markdown is rendered."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  (few programs write Markdown)

    return MarkdownIt("commonmark", {"html": False})


class _Container:
    """The beginning of lines in a quote or a list item."""

    def __init__(self, first: str, others: str) -> None:
        self.first: str | None = first
        self.others = others

    def begin(self) -> str:
        begin = self.others if self.first is None else self.first
        self.first = None
        return begin


class _Writer:
    """Writes the HTML of a text, token by token."""

    def __init__(self, *, real_lists: bool) -> None:
        self._written: list[str] = []
        self._containers: list[_Container] = []
        self._lists: list[int | None] = []
        """The next number of each open list, None for bullets."""
        self._heading = ""
        self._real_lists = real_lists

    def html(self) -> str:
        html = "".join(self._written)
        # without any bare p the server would publish tags
        return html if "<p>" in html or "<" not in html else _EMPTY + html

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._heading = min(token.tag, "h3")
            case "inline":
                self._block(_lines(token.children or []))
            case "heading_close":
                self._heading = ""
            case "fence" | "code_block":
                self._block([escape(line) for line in token.content.rstrip("\n").split("\n")])
            case "hr":
                self._block(["---"])
            case "blockquote_open":
                self._containers.append(_Container("> ", "> "))
            case "blockquote_close":
                self._containers.pop()
            case _:
                self._take_list(token)

    def _take_list(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "bullet_list_close" | "ordered_list_close":
                self._tag("</ul>")
                self._lists.pop()
            case "list_item_open":
                self._open_item()
            case "list_item_close":
                self._close_item()
            case _:
                pass  # paragraph_open and paragraph_close: each inline token is a block

    def _open_list(self, token: Token) -> None:
        if not self._lists:
            self._gap()
        is_bulleted = token.type == "bullet_list_open"
        self._lists.append(None if is_bulleted else int(token.attrGet("start") or 1))
        self._tag("<ul>")

    def _tag(self, tag: str) -> None:
        """Write a tag of the innermost list, if lists are written as lists."""
        if self._is_real:
            self._written.append(tag)

    @property
    def _is_real(self) -> bool:
        return self._real_lists and None is self._lists[-1]

    def _open_item(self) -> None:
        number = self._lists[-1]
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._tag("<li>")
        is_real = self._is_real
        self._containers.append(
            _Container("" if is_real else mark, "" if is_real else " " * len(mark))
        )

    def _close_item(self) -> None:
        if self._containers[-1].first:
            self._block([""])
        self._containers.pop()
        self._tag("</li>")

    def _gap(self) -> None:
        if self._written:
            self._written.append(_EMPTY)

    def _block(self, lines: list[str]) -> None:
        if not self._lists:
            self._gap()
        if self._heading and not self._containers:
            self._gap()
            self._written.append(f"<{self._heading}>{' '.join(lines)}</{self._heading}>")
            return
        for line in lines:
            begin = "".join(container.begin() for container in self._containers)
            self._written.append(f"<p>{escape(begin)}{line}</p>")


def _lines(tokens: list[Token]) -> list[str]:
    """The HTML of each line of a block."""
    inline = _Inline()
    for token in tokens:
        inline.take(token)
    return inline.lines()


class _Inline:
    """Writes the tokens of a block; bold and links across lines are repeated on each of them.

    Bold is inside of links and outside of mentions, and neither begins nor ends with a blank:
    otherwise some networks lose the link, the mention or the bold.
    """

    def __init__(self) -> None:
        self._done: list[str] = []
        self._line: list[str] = []
        self._link = ""
        self._strong = 0
        self._is_bold = False
        self._mention: str | None = None
        self._name: list[str] = []

    def lines(self) -> list[str]:
        return [*self._done, "".join(self._line)]

    def take(self, token: Token) -> None:
        match token.type:
            case "strong_open" | "strong_close":
                self._strong += token.nesting
                if not self._strong:
                    self._end_bold()
            case "link_open":
                self._open_link(str(token.attrGet("href")))
            case "link_close":
                self._close_link()
            case "hardbreak":
                self._break()
            case "softbreak":
                self._say(" ")
            case "image" if not self._link:
                self._open_link(str(token.attrGet("src")))
                self._say(token.content)
                self._close_link()
            case _:
                self._say(token.content)

    def _say(self, text: str) -> None:
        if self._mention is not None:
            self._name.append(text)
            return
        if self._strong and not self._is_bold:
            bare = text.lstrip(" ")
            self._line.append(text[: len(text) - len(bare)])
            text, self._is_bold = bare, bool(bare)
            self._line.append("<strong>" if bare else "")
        self._line.append(escape(text))

    def _end_bold(self) -> None:
        if not self._is_bold:
            return
        self._is_bold = False
        blanks = ""
        while not (piece := self._line.pop()).rstrip(" "):
            blanks = piece + blanks
        bare = piece.rstrip(" ")
        self._line += [bare, "</strong>", piece[len(bare) :] + blanks]

    def _open_link(self, href: str) -> None:
        self._end_bold()
        if href.startswith(_MENTION):
            self._mention, self._name = unquote(href.removeprefix(_MENTION)), []
        else:
            self._link = f'<a href="{escape_value(href)}">' if is_kept_link(href) else ""
            self._line.append(self._link)

    def _close_link(self) -> None:
        if self._mention is not None:
            name = "".join(self._name).removeprefix("@")
            self._line.append(mention_span(Mention(self._mention, name)))
            self._mention = None
            return
        self._end_bold()
        self._line.append("</a>" if self._link else "")
        self._link = ""

    def _break(self) -> None:
        if self._mention is not None:
            self._say(" ")
            return
        self._end_bold()
        self._done.append("".join([*self._line, "</a>" if self._link else ""]))
        self._line = [self._link]
