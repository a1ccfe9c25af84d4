"""Texts with `{name}` fields of other columns. PURE."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, cast

from postiz_async.batch.dates import DateProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Template"]

_SIGN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|\{")


class Template:
    """Fills the fields of one row into its texts; collects faults instead of stopping.

    `{{` and `}}` are braces. What is filled in is not looked at again.

    Args:
        fields: value by name of column, in small letters.
    """

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields
        self.faults: list[DateProblem] = []

    def fill(self, text: str) -> str:
        """The text with its fields filled in."""
        return _SIGN.sub(self._value, text) if "{" in text or "}" in text else text

    def fill_all(self, value: object) -> object:
        """A JSON value with all its texts filled in; names of settings stay as they are."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, dict):
            mapping = cast("dict[str, object]", value)
            return {name: self.fill_all(each) for name, each in mapping.items()}
        if isinstance(value, list | tuple):
            return [self.fill_all(each) for each in cast("list[object]", value)]
        return value

    def _value(self, found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        if found[1] is None:
            return self._wrong("has a { that begins no field", "write {{ for a brace")
        name = found[1].strip().lower()
        if name not in self.fields:
            return self._wrong(f"has the field {found[0]}, which no column has", self._hint(name))
        value = self.fields[name]
        if isinstance(value, dict | list | tuple):
            return self._wrong(f"has the field {found[0]}, which is no text", "")
        return "" if value is None else str(value)

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.fields, 1)
        return f"do you mean {{{close[0]}}}?" if close else f"columns: {', '.join(self.fields)}"

    def _wrong(self, message: str, hint: str) -> str:
        self.faults.append(DateProblem(message, hint))
        return ""
