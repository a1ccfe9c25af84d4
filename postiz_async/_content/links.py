"""Find links in a text as X does. PURE.

X reads a text from left to right. A link is a scheme (`http://`, `https://`) and a domain, or a
domain alone: `example.com/a`, and so `README.md` as well. Nearly everything is a letter of a
domain, a quote, a dash or an emoji too; what ends a domain is a last label that begins with a
top-level domain behind which no ASCII letter or digit stands. Then come port, path and query.

1. The character before a link is not an ASCII letter or digit and none of `@ $ #`, and belongs to
   no other link.
2. Of several places where a link may start the first holds, of several ends the last.
3. Without a scheme and behind one of `- _ . /` all of it is read, and none of it is a link.
4. Without a scheme only the ASCII and Latin labels of a domain are links, each row of them one,
   and the last takes the path; a port or a query alone stays outside.
5. Of the path of a link to t.co only the first part belongs to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from postiz_async._content.unicode_data import TOP_LEVEL_DOMAINS, TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS

LINK_WEIGHT = 23
"""The weight of any link, however long."""

_BARRED = (
    "\\t-\\r !#%&'()*+,./:;<=>?@\\[\\\\\\]^{|}~$\x85\xa0\u061c\u1680\u180e\u2000-\u200a\u200e\u200f"
    "\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff\ufffe\uffff"
)
"""Characters that no label contains; of all others only `-` and `_` are not letters."""
_LATIN = (
    "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0260\u0263\u0268\u0269"
    "\u026f\u0272\u0275\u0280\u0283\u0288-\u028c\u0292\u02bb\u0300-\u036f\u0399\u03b9\u1e00-\u1eff"
    "\u1fbe\u2c65\u2c66\u2c7e\u2c7f\ua7dc"
)
"""Latin letters and letters that are the other case of one, such as iota by way of a Latin mark."""
_UNFIT_BEFORE = "A-Za-z0-9@\uff20$#\uff03\ufeff\ufffe\uffff"
_ASTRAL = "\U00010000-\U0010ffff"
"""Letters of two UTF-16 units: X sees the first one before a link and the second one in it."""

_MAY_BE_DOTTED = re.compile(rf"[^{_BARRED}]\.[A-Za-z\x80-\U0010ffff]")
_NAME_HERE = re.compile(rf"[^{_BARRED}]++(?:\.[^{_BARRED}]++)++")
_NAME = re.compile(rf"(?<![^{_BARRED}]){_NAME_HERE.pattern}")
_PLAIN_NAME = re.compile(r"(?:[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+\.)++([A-Za-z]++)")
_START = re.compile(rf"(?:(?<=[^{_UNFIT_BEFORE}])|(?=[{_ASTRAL}]))[^{_BARRED}\-_]")
_UNFIT = re.compile(f"[{_UNFIT_BEFORE}]")
_TOP = re.compile(r"[A-Za-z]{2,63}(?![A-Za-z0-9@+-])")
_ENCODED_TOP = re.compile(r"[Xx][Nn]--[A-Za-z0-9-]+")
_LONGEST_TOP = max(map(len, TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS))
_GOES_ON = re.compile(r"[A-Za-z0-9@+-]")
_LATIN_LABELS = re.compile(rf"(?:[A-Za-z0-9{_LATIN}-]++\.)++")
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")
_GLUE = "-_./"

_IN_PATH = rf"[A-Za-z0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&\u0400-\u04ff\u1c80-\u1c87{_LATIN}]"
_IN_BRACKETS = rf"(?:{_IN_PATH}++|{_IN_PATH}*+\({_IN_PATH}++\){_IN_PATH}*+)"
_PATH = re.compile(rf"/(?:{_IN_PATH}|\({_IN_BRACKETS}\))*+")
_NO_END = "!*';:,.$%[]\u2013~@|&"
"""Characters that may be in a path, but not at its end."""
_PORT = re.compile(r":[0-9]+")
_QUERY = re.compile(r"\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/]")
_SHORT_PATH = re.compile(r"/([A-Za-z0-9]+)")
_LONGEST_SHORT_PATH = 40
_LONGEST_LABEL = 63
_LONGEST_LINK = 4096
_DEFAULT_SCHEME = "https://"


class Link(NamedTuple):
    """The position of a link, and its weight.

    If it ends in the middle of a letter of two UTF-16 units, the whole letter belongs to the link.
    """

    start: int
    end: int
    weight: int = LINK_WEIGHT


class _Label(NamedTuple):
    """A label in which a domain may start."""

    start: int
    end: int
    domain_end: int
    """The end of the longest domain that starts in this label."""
    is_last: bool
    """Whether only the top-level domain follows, so that the label must not have `_`."""


class _Domain(NamedTuple):
    """A domain, and where its link starts: with a scheme before it."""

    link: int
    start: int
    end: int


class _Read(NamedTuple):
    """The parts of a text that X reads as a link."""

    domain: _Domain
    end: int
    has_path: bool


def find_links(text: str) -> Iterator[Link]:
    """The links of a text, in order."""
    if "." not in text or not _MAY_BE_DOTTED.search(text):
        return
    here = behind = 0  # where to look next, and where the last link ended
    while name := _NAME_HERE.match(text, here) or _NAME.search(text, here):
        start, here = name.span()
        plain = _plain_domain(text, start, here, behind)
        if plain is not None:
            read = _read(text, plain)
            yield from _counted(text, read, behind, is_plain=True)
            here = behind = read.end
            continue
        for label in _labels(text, start, here):
            domain = _domain(text, start, label, behind)
            if domain is not None:
                read = _read(text, domain)
                yield from _counted(text, read, behind, is_plain=False)
                behind = read.end
        here = max(here, behind)


def _plain_domain(text: str, start: int, end: int, behind: int) -> _Domain | None:
    """The domain if a dotted name is a plain one, as most are, so that no other rule matters."""
    plain = _PLAIN_NAME.fullmatch(text, start, end)
    if plain is None or plain[1].lower() not in TOP_LEVEL_DOMAINS or _GOES_ON.match(text, end):
        return None
    scheme = _scheme(text, start, behind)
    if scheme is not None:
        return _Domain(scheme, start, end)
    is_free = start == 0 or (start > behind and not _UNFIT.match(text, start - 1))
    return _Domain(start, start, end) if is_free else None


def _labels(text: str, start: int, end: int) -> list[_Label]:
    """The labels of a dotted name in which a domain may start."""
    found: list[_Label] = []
    longest = 0  # where the longest domain ends that starts with the label behind
    while (dot := text.rfind(".", start, end)) >= 0:
        first = text.rfind(".", start, dot) + 1 or start
        domain_end = longest or _end_of_top(text, dot + 1, end)
        is_last, longest, end = not longest, 0, dot
        if domain_end and text[dot - 1] not in "-_":
            found.append(_Label(first, dot, domain_end, is_last))
            if text[first] not in "-_" and not (is_last and "_" in text[first:dot]):
                longest = domain_end
    return found[::-1]


def _end_of_top(text: str, start: int, end: int) -> int:
    """The end of the top-level domain with which a label begins; 0 if there is none."""
    top = _TOP.match(text, start)
    if top and top[0].lower() in TOP_LEVEL_DOMAINS:
        return top.end()
    if not text[start:end].isascii():
        for stop in range(min(start + _LONGEST_TOP, end), start, -1):
            is_known = text[start:stop].lower() in TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS
            if is_known and not _GOES_ON.match(text, stop):
                return stop
    encoded = _ENCODED_TOP.match(text, start)
    return encoded.end() if encoded else 0


def _domain(text: str, name: int, label: _Label, behind: int) -> _Domain | None:
    """The first domain that starts in a label of a dotted name."""
    start, end, domain_end, is_last = label
    lowest = max(start, text.rfind("_", start, end) + 1) if is_last else start
    if lowest == start == name >= behind and text[name] not in "-_":
        link = _link_at_name(text, name, end, behind)
        if link is not None:
            return _Domain(link, max(link, name), domain_end)
    # X reads UTF-16: the first half of a letter may stand before the domain, and the second in it
    if 0 < behind < end and lowest <= behind and text[behind] > "\uffff":
        return _Domain(behind, behind, domain_end)
    found = _START.search(text, max(lowest, behind + 1, name + 1), end)
    return _Domain(found.start(), found.start(), domain_end) if found else None


def _link_at_name(text: str, name: int, end: int, behind: int) -> int | None:
    """The start of a link whose domain starts with a dotted name, or one letter further on."""
    scheme = _scheme(text, name, behind)
    if scheme is not None:
        return scheme
    if name == 0:
        # at the start of a text, X reads its first letter as the character before the link
        is_before = text[0] <= "\uffff" and not _UNFIT.match(text)
        return 1 if is_before and _START.match(text, 1, end) else 0
    is_free = name > behind or text[name] > "\uffff"
    return name if is_free and _START.match(text, name) else None


def _scheme(text: str, domain: int, behind: int) -> int | None:
    """The start of the scheme before a domain, if a link may start there."""
    if domain == 0 or text[domain - 1] != "/":
        return None
    for scheme in ("https://", "http://"):
        start = domain - len(scheme)
        if start >= behind and text[start:domain].lower() == scheme:
            is_free = start == 0 or (start > behind and not _UNFIT.match(text, start - 1))
            return start if is_free else None
    return None


def _read(text: str, domain: _Domain) -> _Read:
    """A domain with all that belongs to it: port, path and query."""
    end = domain.end
    if text[end : end + 1] not in {":", "/", "?"}:
        return _Read(domain, end, has_path=False)
    port = _PORT.match(text, end)
    if port:
        end = port.end()
    path = _PATH.match(text, end)
    if path:
        end += len(path[0].rstrip(_NO_END))
    query = _QUERY.match(text, end)
    return _Read(domain, query.end() if query else end, has_path=path is not None)


def _counted(text: str, read: _Read, behind: int, *, is_plain: bool) -> Iterator[Link]:
    """The links that count among the text that X reads as a link."""
    (link, start, domain_end), end, has_path = read
    name = text[start:domain_end]
    if not is_plain and link == start and _is_halved(text, start, behind):
        name = name[0].encode("utf-16-le")[2:].decode("utf-16-le", "surrogatepass") + name[1:]
    if not _is_valid(text[link:start], name, end - domain_end):
        return
    if link < start:
        short = _SHORT_PATH.match(text, domain_end) if name.lower() == "t.co" else None
        if short is None:
            yield Link(link, end)
        elif len(short[1]) <= _LONGEST_SHORT_PATH:
            yield Link(link, (_QUERY.match(text, short.end()) or short).end())
    elif link <= behind or text[link - 1] not in _GLUE:
        more = end - domain_end if has_path else 0
        if is_plain:
            yield Link(link, domain_end + more)
        else:
            parts = [(start + first, start + last) for first, last in _latin_parts(name)]
            yield from (Link(*part) for part in parts[:-1])
            if parts:
                yield _with_more(text, *parts[-1], more)


def _is_halved(text: str, start: int, behind: int) -> bool:
    """Whether the first half of a letter is before a link and the second half is in it."""
    return text[start] > "\uffff" and (start <= behind or bool(_UNFIT.match(text, start - 1)))


def _is_valid(scheme: str, domain: str, rest: int) -> bool:
    """Whether a link is not too long, in UTF-16 units, and correctly encoded."""
    units = len(domain)
    if not domain.isascii() or not domain.isprintable() or units > _LONGEST_LABEL:
        if any(_is_too_long(label) for label in domain.split(".")):
            return False
        units = len(domain.encode("utf-16-le", "surrogatepass")) // 2
    if domain.startswith("xn--") and not any(_latin_parts(domain)):
        return False
    return len(scheme or _DEFAULT_SCHEME) + len(scheme) + units + rest <= _LONGEST_LINK


def _is_too_long(label: str) -> bool:
    """Whether a label is too long for a domain name, where full stops of other scripts split it."""
    if len(label) > _LONGEST_LABEL or (label.isascii() and label.isprintable()):
        return len(label) > _LONGEST_LABEL
    parts = [
        part if part.isascii() and part.isprintable() else f"xn--{part.encode('punycode').decode()}"
        for part in _FULL_STOPS.split(label)
    ]
    return len(".".join(parts)) > _LONGEST_LABEL


def _latin_parts(domain: str) -> Iterator[tuple[int, int]]:
    """The positions of domains of ASCII and Latin labels in a domain."""
    here = behind = 0
    while labels := _LATIN_LABELS.search(domain, here):
        here = dot = labels.end()
        while dot:
            top = _end_of_top(domain, dot, len(domain))
            if top:
                # X searches for the found text from the left, and may find it earlier
                start = domain.index(domain[labels.start() : top], behind)
                here, behind = top, start + top - labels.start()
                yield start, behind
                break
            dot = domain.rfind(".", labels.start(), dot - 1) + 1


def _with_more(text: str, start: int, end: int, units: int) -> Link:
    """A link that takes `units` more UTF-16 units of the text behind it."""
    while units > 0:
        units -= 2 if text[end] > "\uffff" else 1
        end += 1
    # the second half of a letter weighs as much as all of it
    return Link(start, end, LINK_WEIGHT - 2 * units)
