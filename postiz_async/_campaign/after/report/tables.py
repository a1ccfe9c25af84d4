"""A table of a report whose rows become cards on a narrow screen. PURE."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from postiz_async._campaign.after.report.charts import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class CardColumn(NamedTuple):
    """Its name, and its class in the style sheet, which says how wide it is."""

    name: str
    kind: str


def cards(
    title: str, columns: Sequence[CardColumn], lines: Iterable[tuple[str, Sequence[str]]]
) -> str:
    """The table as HTML, without columns in which nothing stands.

    The roles keep it a table for screen readers, as which some browsers do not tell it otherwise
    once its cells are blocks.

    Args:
        title: what is in it, for those who do not see where it stands.
        columns: from left to right.
        lines: attributes of each row, and the HTML of its cells.
    """
    lines = list(lines)
    used = [any(cells[n] for _, cells in lines) for n in range(len(columns))]
    columns = list(compress(columns, used))
    heads = "".join(
        f'<th scope="col" role="columnheader" class="{kind}">{safe(name)}</th>'
        for name, kind in columns
    )
    starts = [
        f'<td role="cell" data-label="{safe(name)}" class="{kind}">' for name, kind in columns
    ]
    body = "".join(
        f'<tr role="row"{attributes}>'
        + "".join(map("{}{}</td>".format, starts, compress(cells, used)))
        + "</tr>"
        for attributes, cells in lines
    )
    return (
        f'<table class="cards" role="table" aria-label="{safe(title)}"><thead role="rowgroup">'
        f'<tr role="row">{heads}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )
