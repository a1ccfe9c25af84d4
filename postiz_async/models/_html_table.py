"""Show a value as a small HTML table in notebooks. PURE.

The colours are those of the page, so that it is legible in light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from postiz_async.models._durations import describe_seconds

_LINE = "border:0;border-bottom:1px solid rgba(128,128,128,.4)"
_CELL = (
    f"{_LINE};padding:.25em 1em .25em 0;text-align:left;vertical-align:top;"
    "color:inherit;background:none;font-weight:normal;max-width:40em"
)
_LONG = 24
"""Only longer words may be broken: if all words may, short columns become too narrow."""
_TABLE = "border-collapse:collapse;margin:.5em 0;color:inherit;background:none"
_CAPTION = "caption-side:top;text-align:left;font-weight:bold;color:inherit;padding:.25em 0"


def html_table(title: str, rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """An HTML table of texts, which are escaped; without `head`, rows begin with their headers."""
    names = "".join(_cell(each, "th", "col") for each in head)
    body = "".join(f"<tr>{_row(cells, is_named=not head)}</tr>" for cells in rows)
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{_safe(title)}</caption>'
        + (f"<thead><tr>{names}</tr></thead>" if head else "")
        + f"<tbody>{body}</tbody></table>"
    )


def _row(cells: Sequence[str], *, is_named: bool) -> str:
    first, *others = cells
    named = _cell(first, "th", "row") if is_named else _cell(first)
    return named + "".join(map(_cell, others))


def _cell(text: str, tag: str = "td", scope: str = "") -> str:
    breaks = ";overflow-wrap:anywhere" if max(map(len, text.split()), default=0) > _LONG else ""
    what = f' scope="{scope}"' if scope else ""
    soft = ";opacity:.7" if scope else ""
    return f'<{tag}{what} dir="auto" style="{_CELL}{breaks}{soft}">{_safe(text)}</{tag}>'


def _safe(text: str) -> str:
    return escape(text, quote=True)


def date_cell(moment: datetime | float | None) -> str:
    """The text for a moment or for seconds since the epoch: `2030-01-01 09:00 UTC`."""
    if moment is None:
        return ""
    at = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span_cell(seconds: float | None) -> str:
    """The text for a duration: `20 min 13 s`, `now` for 0 or less, `not known` for None."""
    if seconds is None:
        return "not known"
    return describe_seconds(seconds) if seconds > 0 else "now"
