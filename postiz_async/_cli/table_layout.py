"""How a table fits the lines of a terminal. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.text import Text


GAP = 2
"""Spaces between two columns."""
_LEAST = 10
"""Characters that a column of texts is not made narrower than, as far as it has them."""


def column_widths(
    columns: Sequence[str],
    cells: Sequence[Sequence[Text]],
    whole: Collection[str],
    room: int,
) -> list[int] | None:
    """The widths of the columns at which no word is broken.

    Args:
        columns: their names.
        cells: of each row, one for each column.
        whole: columns whose cells are not broken at spaces either.
        room: characters of a line.

    Returns:
        None where a line has not as much room.
    """
    least: list[int] = []
    most: list[int] = []
    for place, name in enumerate(columns):
        texts = [name, *(row[place].plain for row in cells)]
        lines = max(cell_len(line) for text in texts for line in text.splitlines() or [""])
        words = max(cell_len(word) for text in texts for word in text.split() or [""])
        most.append(lines)
        least.append(lines if name in whole else max(words, min(lines, _LEAST)))
    spare = room - GAP * (len(columns) - 1) - sum(least)
    if spare < 0:
        return None
    widths = list(least)
    by_need = sorted(range(len(columns)), key=lambda place: most[place] - least[place])
    for left, place in zip(range(len(columns), 0, -1), by_need, strict=True):
        more = min(most[place] - least[place], spare // left)
        widths[place] += more
        spare -= more
    return widths
