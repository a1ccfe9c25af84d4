"""The texts of cells: display, JSON, and detection of damage. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, cast

import msgspec

MAX_COLUMNS = 1_024
"""Number of columns with text, at most."""

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
"""The texts of LibreOffice for an error, and of Excel for a cell that is too narrow."""

BEGINNINGS = ("#", "E", "e", " ", "\t", "\n", "\r", "\xa0")
"""First characters of error texts; most cells are ruled out by them quickly."""


def is_cell_error(cell: str) -> bool:
    """Whether a cell has an error of the spreadsheet program instead of a text."""
    text = cell.strip()
    return text in _ERRORS or _CODE.fullmatch(text) is not None


SHEET_AS_TEXT = "format the cells as text, and type the values again"


class Odd(str):
    """A cell that the spreadsheet program shows differently from what the file stores."""

    __slots__ = ("hint", "why")
    hint: str
    why: str

    @classmethod
    def of(cls, stored: str, why: str, hint: str = SHEET_AS_TEXT) -> Odd:
        """Make one from the stored text, the reason for the difference, and the advice."""
        cell = cls(stored)
        cell.why, cell.hint = why, hint
        return cell


class CellProblem(NamedTuple):
    """A problem of a cell, and the advice."""

    message: str
    hint: str


_HALF = re.compile(r"[\ud800-\udfff]")
_NO_TEXT = re.compile(r"[\0\ud800-\udfff]")
"""Characters that no database stores: NUL and surrogates."""
_BYTE = re.compile(r"[\udc80-\udcff]")
"""Surrogates that the decoder puts in place of bytes that are not UTF-8."""


def foreign_byte(text: str) -> CellProblem | None:
    """The problem of a text with bytes that are not UTF-8: its first such byte."""
    found = None if text.isascii() else _BYTE.search(text)
    if found is None:
        return None
    byte = ord(found[0]) - 0xDC00
    meant = bytes([byte]).decode("cp1252", "ignore")
    guess = f" ({meant!r} in Windows-1252)" if meant.isprintable() and meant else ""
    return CellProblem(
        f"is not UTF-8: byte 0x{byte:02x}{guess} at character {found.start() + 1}",
        "say --encoding cp1252, or save the file as UTF-8 (in Excel: CSV UTF-8)",
    )


def is_storable(text: str) -> bool:
    """Whether a database can store a text; in ASCII, only NUL is a problem."""
    return "\0" not in text if text.isascii() else _NO_TEXT.search(text) is None


def describe_unstorable(text: str) -> CellProblem:
    """The problem of a text that is not `is_storable`."""
    message = "contains characters that are not text (NUL or half a character)"
    return foreign_byte(text) or CellProblem(message, "")


def has_halves(text: str) -> bool:
    """Whether a text has lone surrogates, which cannot be stored."""
    return not text.isascii() and _HALF.search(text) is not None


def shown(value: object) -> str:
    """A value for a message, cut to 40 characters."""
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def tidied(text: str) -> str:
    """A cell as it is read; done once, the rows that it holds for share one text."""
    return text.strip().replace("\r\n", "\n")


def cell_text(cell: object) -> str:
    """The text of a cell as people see it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        whole = nearest_second(cell)
        return f"{whole:%Y-%m-%d %H:%M:%S}" if whole.second else f"{whole:%Y-%m-%d %H:%M}"
    if isinstance(cell, time):
        return f"{cell:%H:%M:%S}" if cell.second else f"{cell:%H:%M}"
    return str(cell)


def nearest_second(moment: datetime) -> datetime:
    """Round a date to seconds, as spreadsheets store dates as fractions of days."""
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


# ------------------------------------------------------------------ JSON, lost letters


MAX_DEPTH = 60
"""Largest nesting of lists and objects in a cell."""

NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)
"""Exceptions that reading JSON may raise."""


def read_json(text: str) -> object:
    """Parse a JSON text. Raises one of `NO_JSON`."""
    value: object = msgspec.json.decode(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    return value


@lru_cache(maxsize=1000)
def read_shared_json(text: str) -> object:
    """Parse JSON with a cache, so that equal texts share one value, which must not be modified."""
    return read_json(text)


def _is_deep(value: object, levels: int) -> bool:
    """Whether lists and objects are nested more than `levels` deep."""
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return levels < 0 or any(_is_deep(item, levels - 1) for item in inner)


def describe_lost_letters(text: str) -> str:
    """Describe a sign that letters of a text were lost; empty if there is none."""
    if not text.isascii():
        if "\ufffd" in text:
            return "has \ufffd where a letter was"
        for found in _MOJIBAKE.finditer(text):
            with suppress(UnicodeError):
                return f"has {found[0]!r} where {_bytes(found[0]).decode()!r} was meant"
    return "has ?? where an emoji may have been" if "??" in text and _NO_EMOJI.search(text) else ""


_CONT = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3][{re.escape(_CONT)}]"
    # quotation marks and dashes may stand behind these
    f"|[\u00c4\u00c5\u00ce-\u00d1](?![\u2013-\u2026\u00a0\u00ab\u00bb])[{re.escape(_CONT)}]"
    f"|[\u00e2\u00ef][{re.escape(_CONT)}]{{2}}|\u00f0[{re.escape(_CONT)}]{{3}}"
)
"""Letters of UTF-8 (Latin, Greek, Cyrillic, signs, emoji) that were decoded as Windows-1252."""
_NO_EMOJI = re.compile(r"(?<!\S)\?\?(?:\?\?)*(?=\s|$)")
"""`??` after a space: an emoji that was saved as Windows-1252, not the end of a question."""


def _bytes(text: str) -> bytes:
    return b"".join(
        letter.encode("latin-1") if letter in _C1 else letter.encode("cp1252") for letter in text
    )


_C1 = "\x81\x8d\x8f\x90\x9d"
"""Characters that Windows-1252 cannot encode."""
