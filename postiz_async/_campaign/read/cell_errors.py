"""Cells that do not say what people see, and errors such as `#N/A` and `Err:502`. PURE."""

from __future__ import annotations

import re

_ERRORS = frozenset(
    str.split(
        "#NAME? #REF! #VALUE! #DIV/0! #N/A #NUM! #NULL! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! "
        "#BUSY! #UNKNOWN! #EXTERNAL! #GETTING_DATA #ERROR! "
        "#BEZUG! #WERT! #NV #ZAHL! #ÜBERLAUF! #FEHLER! "  # German
        "#NOM? #VALEUR! #NOMBRE! #NUL! #PROPAGATION! #ERREUR! "  # French
        "#¿NOMBRE? #¡REF! #¡VALOR! #¡DIV/0! #N/D #¡NUM! #¡NULO! #¡DESBORDAMIENTO! "  # Spanish
        "#NOME? #RIF! #VALORE! #NULLO! #ESPANSIONE! #VALOR! #NÚM! #NULO! "  # Italian, Portuguese
        "#NAAM? #VERW! #WAARDE! #DEEL/0! #N/B #GETAL! #LEEG! "  # Dutch
        "#ADR! #ARG! #LICZBA! #NAZWA? #DZIEL/0! #ZERO! #BRAK!"  # Polish
    )
)
_CODE = re.compile(r"Err:\d{3}|#{3,}", re.IGNORECASE)
"""What LibreOffice says of an error, and Excel of a cell that is too narrow."""

BEGINNINGS = ("#", "E", "e", " ", "\t", "\n", "\r", "\xa0")
"""What begins otherwise is no error, which is quickly seen of many cells."""


def is_cell_error(cell: str) -> bool:
    """Whether a spreadsheet put an error where a text was to be."""
    text = cell.strip()
    return text in _ERRORS or _CODE.fullmatch(text) is not None


_AS_TEXT = "format the cells as text, and write what is to be read"
UNCALCULATED = (
    "is a formula without a value",
    "open the file in the spreadsheet program and save it, or copy the values",
)


class Odd(str):
    """What a file stores of a cell that says something else to people."""

    __slots__ = ("hint", "why")
    hint: str
    why: str

    @classmethod
    def of(cls, stored: str, why: str, hint: str = _AS_TEXT) -> Odd:
        """The text of what is stored, why it is not what people see, and what to do."""
        cell = cls(stored)
        cell.why, cell.hint = why, hint
        return cell
