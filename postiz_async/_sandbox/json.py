"""JSON text as the server's engine reads and writes it, down to the wording of its errors."""

from __future__ import annotations

import json
import re
from typing import NoReturn

_CONTEXT = 10
"""Characters that an error quotes on each side of its position."""

_EXACT_INTEGERS = 2**53

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")

_AT_POSITION = {
    "Expecting ':' delimiter": "Expected ':' after property name in JSON",
    "Unterminated string starting at": "Unterminated string in JSON",
    "Extra data": "Unexpected non-whitespace character after JSON",
    "Invalid control character at": "Bad control character in string literal in JSON",
    "Invalid \\escape": "Bad escaped character in JSON",
    "Invalid \\uXXXX escape": "Bad Unicode escape in JSON",
    "Illegal trailing comma before end of object": "Expected double-quoted property name in JSON",
}


class MalformedJSONError(ValueError):
    """The text is not JSON; the message is that of the JavaScript engine."""


def read_json(text: str) -> object:
    """Decode an object or an array.

    Raises:
        MalformedJSONError: For anything else.
    """
    start = len(text) - len(text.lstrip(" \t\n\r"))
    if text[start : start + 1] not in {"{", "["}:
        raise MalformedJSONError(_unexpected_token(text, start))
    try:
        return json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise MalformedJSONError(_error_message(text, error)) from error
    except _ConstantError as error:
        raise MalformedJSONError(_unexpected_token(text, text.index(error.name))) from error


def write_json(value: object) -> str:
    """Encode without blanks; only control characters and lone surrogates are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _HALF_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _ConstantError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _number(digits: str) -> float:
    """A number as in JavaScript: a whole one has no fraction, a large one no exact digits."""
    value = float(digits)
    if not value.is_integer():
        return value
    exact = int(digits) if digits.lstrip("-").isdigit() else int(value)
    return exact if abs(exact) <= _EXACT_INTEGERS else int(value)


def _error_message(text: str, error: json.JSONDecodeError) -> str:
    spot = error.pos
    if error.msg == "Expecting value":
        return _unexpected_token(text, spot)
    if error.msg == "Unterminated string starting at":
        spot = len(text)
    if error.msg == "Illegal trailing comma before end of object":
        spot = text.index("}", spot)
    what = _AT_POSITION.get(error.msg) or _expected_name_or_comma(text, error)
    line = text.count("\n", 0, spot) + 1
    column = spot - text.rfind("\n", 0, spot)
    return f"{what} at position {spot} (line {line} column {column})"


def _expected_name_or_comma(text: str, error: json.JSONDecodeError) -> str:
    if error.msg == "Expecting ',' delimiter":
        if _innermost_bracket(text, error.pos) == "{":
            return "Expected ',' or '}' after property value in JSON"
        return "Expected ',' or ']' after array element in JSON"
    after_bracket = text[: error.pos].rstrip(" \t\n\r").endswith("{")
    if after_bracket:
        return "Expected property name or '}' in JSON"
    return "Expected double-quoted property name in JSON"


def _innermost_bracket(text: str, end: int) -> str:
    """The bracket that is open at `end`; strings before it are known to be well-formed."""
    open_brackets: list[str] = []
    in_string = escaped = False
    for character in text[:end]:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            open_brackets.append(character)
        elif character in "}]":
            open_brackets.pop()
    return open_brackets[-1]


def _unexpected_token(text: str, spot: int) -> str:
    if spot >= len(text):
        return "Unexpected end of JSON input"
    before, after, start, end = "", "", 0, len(text)
    if len(text) > 2 * _CONTEXT:
        if spot >= _CONTEXT:
            before, start = "...", spot - _CONTEXT
        if spot < len(text) - _CONTEXT:
            after, end = "...", spot + _CONTEXT
    quoted = f'{before}"{text[start:end]}"{after}'
    return f"Unexpected token '{text[spot]}', {quoted} is not valid JSON"
