"""Finding the web addresses that X counts in a text, with or without a scheme.

The rules are those of expressions that run over UTF-16 units: half a surrogate pair is a letter of
its own, and may well stand before an address that begins with the other half.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.sandbox.domains import TOP_LEVEL_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["addresses"]

_NEVER_IN_HOST = (
    "!#%&'()*+,/:;<=>?@$\\\\\\[\\]^{|}~"
    "\\t\\n\\v\\f\\r \u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\ufeff\uffff"
)
_LETTER = rf"[^{_NEVER_IN_HOST}.\-_]"
_LETTERS = rf"[^{_NEVER_IN_HOST}.]"
_SCHEME = r"[Hh][Tt][Tt][Pp][Ss]?://"
_CANDIDATE = rf"(?P<scheme>{_SCHEME})?(?P<host>{_LETTER}{_LETTERS}*+(?:\.{_LETTERS}++)++)"
_AFTER_ANOTHER = re.compile(
    rf"(?P<before>[^A-Za-z0-9@\uff20$#\uff03\ufffe\ufeff\uffff]){_CANDIDATE}"
)
_AT_THE_START = re.compile(rf"\A(?P<before>){_CANDIDATE}")
_LABEL = re.compile(rf"{_LETTER}(?:{_LETTERS}*{_LETTER})?\.")
_DOT = re.compile(r"\.")
_RUN = re.compile(rf"[^{_NEVER_IN_HOST}]++")

_ACCENTED = (
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f"
    "\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
    "\u0260\u0269\u0275\u0280\u0283\u0288\u028a\u028c\u0292\u0399\u03b9\u1fbe\u2c65\u2c66\u2c7e\u2c7f\ua7dc"
)
"""In the last line those of which the other case is in the lines above."""
_CYRILLIC = "\u0400-\u04ff\u1c80-\u1c87"
_ACCENTED_LABELS = re.compile(rf"(?:[\-a-zA-Z0-9{_ACCENTED}]++\.)++")

_ENDING = rf"[a-zA-Z0-9=_#/+\-{_ACCENTED}{_CYRILLIC}]"
_NOT_ENDING = r"[!*';:,.$%\[\]\u2013~@|&]"
_GENERAL = rf"(?:{_ENDING}|{_NOT_ENDING})"
_BALANCED = rf"\((?:{_GENERAL}++|{_GENERAL}*+\({_GENERAL}++\){_GENERAL}*+)\)"
_PORT_AND_PATH = re.compile(
    rf"(?::[0-9]+)?(?P<path>/(?:{_NOT_ENDING}*+(?:{_ENDING}|{_BALANCED}))*+)?"
)
_QUERY = r"\?[a-zA-Z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-zA-Z0-9\-_&=#/]"
_QUERY_AT = re.compile(_QUERY)
_SHORTENED = re.compile(rf"{_SCHEME}[Tt]\.[Cc][Oo]/([a-zA-Z0-9]+)(?:{_QUERY})?")

_ASCII_LETTERS = re.compile("[a-zA-Z]+")
_OTHERS = sorted((name for name in TOP_LEVEL_DOMAINS if not name.isascii()), reverse=True)
_OTHER_LETTERS = re.compile(rf"(?i:{'|'.join(_OTHERS)})(?![0-9a-zA-Z@+-])")
_PUNYCODE = re.compile(r"[Xx][Nn]--[a-zA-Z0-9\-]+")
_GOES_ON = re.compile(r"[0-9a-zA-Z@+-]")
_OTHER_STOPS = re.compile("[\u3002\uff0e\uff61]")


_LONGEST_LABEL, _LONGEST_ADDRESS, _LONGEST_SHORTENED = 63, 4096, 40


def addresses(units: str) -> Iterator[tuple[int, int]]:
    """Where the addresses begin and end in a text that is written as UTF-16 units."""
    spot = 0
    while found := _next(units, spot):
        candidate, host_end = found
        path = _PORT_AND_PATH.match(units, host_end)
        spot = path.end() if path else host_end
        query = _QUERY_AT.match(units, spot)
        spot = query.end() if query else spot
        rest = spot - host_end
        if _can_be_looked_up(
            candidate["scheme"] or "", units[candidate.start("host") : host_end], rest
        ):
            yield from _counted(
                units, candidate, host_end, rest, has_path=bool(path and path["path"])
            )


def _next(units: str, spot: int) -> tuple[re.Match[str], int] | None:
    """What looks like the next address, and where its host ends."""
    for run in _RUN.finditer(units, spot):
        dots = _DOT.finditer(units, run.start(), run.end())
        if any(_end_of_top(units, dot.end()) for dot in dots):
            for candidate in _candidates(
                units, max(spot, run.start() - len(" https://")), run.end()
            ):
                host_end = _end_of_host(units, *candidate.span("host"))
                if host_end:
                    return candidate, host_end
    return None


def _candidates(units: str, spot: int, end: int) -> Iterator[re.Match[str]]:
    """All beginnings of addresses, in the order in which an expression tries them."""
    if spot == 0:
        at_start = (pattern.match(units, 0, end) for pattern in (_AFTER_ANOTHER, _AT_THE_START))
        yield from filter(None, at_start)
    while candidate := _AFTER_ANOTHER.search(units, max(spot, 1), end):
        yield candidate
        spot = candidate.start() + 1


def _end_of_host(units: str, start: int, end: int) -> int | None:
    """The longest beginning of the labels that ends in a known domain, if there is one."""
    tops: list[int] = []
    while label := _LABEL.match(units, start, end):
        start = label.end()
        if "_" not in label[0]:
            tops.append(start)
    return next(filter(None, (_end_of_top(units, top) for top in reversed(tops))), None)


def _end_of_top(text: str, start: int) -> int | None:
    """A label may have another script glued to its top-level domain, which is not part of it."""
    letters = _ASCII_LETTERS.match(text, start)
    if (
        letters
        and letters[0].lower() in TOP_LEVEL_DOMAINS
        and not _GOES_ON.match(text, letters.end())
    ):
        return letters.end()
    top = _OTHER_LETTERS.match(text, start) or _PUNYCODE.match(text, start)
    return top.end() if top else None


def _can_be_looked_up(scheme: str, host: str, rest: int) -> bool:
    """The domain name system knows no labels longer than 63 characters, in its own spelling."""
    if any(_is_too_long(label) for label in host.split(".")):
        return False
    if host.startswith("xn--") and not list(_accented_hosts(host)):
        return False
    return len(scheme or "https://") + len(scheme) + len(host) + rest <= _LONGEST_ADDRESS


def _is_too_long(label: str) -> bool:
    if len(label) > 2 * _LONGEST_LABEL:
        return True
    label = label.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    encoded = [
        part if re.fullmatch("[ -~]*", part) else f"xn--{part.encode('punycode').decode()}"
        for part in _OTHER_STOPS.split(label)
    ]
    return len(".".join(encoded)) > _LONGEST_LABEL


def _counted(
    units: str, candidate: re.Match[str], host_end: int, rest: int, *, has_path: bool
) -> Iterator[tuple[int, int]]:
    start, host_start = candidate.end("before"), candidate.start("host")
    if candidate["scheme"]:
        shortened = _SHORTENED.match(units, start, host_end + rest)
        if not shortened:
            yield start, host_end + rest
        elif len(shortened[1]) <= _LONGEST_SHORTENED:
            yield start, shortened.end()
    elif candidate["before"] not in {"-", "_", ".", "/"}:
        hosts = list(_accented_hosts(units[host_start:host_end]))
        for number, (first, last) in enumerate(hosts, 1):
            more = rest if has_path and number == len(hosts) else 0
            yield host_start + first, host_start + last + more


def _accented_hosts(host: str) -> Iterator[tuple[int, int]]:
    """Without a scheme only these parts of a host count, wherever they are found first."""
    spot = found = 0
    while labels := _ACCENTED_LABELS.search(host, spot):
        spot = labels.end()
        tops = [labels.start() + dot.end() for dot in _DOT.finditer(labels[0])]
        end = next(filter(None, (_end_of_top(host, top) for top in reversed(tops))), None)
        if end:
            start = host.index(host[labels.start() : end], found)
            spot, found = end, start + end - labels.start()
            yield start, found
