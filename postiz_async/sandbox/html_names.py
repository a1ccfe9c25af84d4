"""Names of HTML elements, sorted by how a parser treats them."""

from __future__ import annotations

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
