"""Count the length of a text as the server does.

The sanitised text is parsed and written once more. If it has no bare paragraph, tags and entities
count as they are written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import accumulate

from postiz_async._sandbox.rules.fields import length
from postiz_async._sandbox.text.html import reserialize

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
"""Latin letters; the last line has those whose other case is in the lines above."""
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
_PUNYCODE = re.compile(r"[Xx][Nn]--[a-zA-Z0-9\-]+")
_GOES_ON = re.compile(r"[0-9a-zA-Z@+-]")
_OTHER_STOPS = re.compile("[\u3002\uff0e\uff61]")


_LONGEST_LABEL, _LONGEST_ADDRESS, _LONGEST_SHORTENED = 63, 4096, 40


def addresses(units: str) -> Iterator[tuple[int, int]]:
    """The positions of addresses in a text that is written as UTF-16 units."""
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
    """The next text that may be an address, and where its host ends."""
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
    """All possible beginnings of addresses, in the order of a regular expression's attempts."""
    if spot == 0:
        at_start = (pattern.match(units, 0, end) for pattern in (_AFTER_ANOTHER, _AT_THE_START))
        yield from filter(None, at_start)
    while candidate := _AFTER_ANOTHER.search(units, max(spot, 1), end):
        yield candidate
        spot = candidate.start() + 1


def _end_of_host(units: str, start: int, end: int) -> int | None:
    """The end of the longest run of labels that ends in a top-level domain, or None."""
    tops: list[int] = []
    while label := _LABEL.match(units, start, end):
        start = label.end()
        if "_" not in label[0]:
            tops.append(start)
    return next(filter(None, (_end_of_top(units, top) for top in reversed(tops))), None)


def _end_of_top(text: str, start: int) -> int | None:
    """The end of the top-level domain at `start`, which letters of another script may follow."""
    letters = _ASCII_LETTERS.match(text, start)
    if (
        letters
        and letters[0].lower() in top_level_domains()
        and not _GOES_ON.match(text, letters.end())
    ):
        return letters.end()
    top = _domain_of_another_script().match(text, start) or _PUNYCODE.match(text, start)
    return top.end() if top else None


@cache
def _domain_of_another_script() -> re.Pattern[str]:
    names = sorted((name for name in top_level_domains() if not name.isascii()), reverse=True)
    return re.compile(rf"(?i:{'|'.join(names)})(?![0-9a-zA-Z@+-])")


def _can_be_looked_up(scheme: str, host: str, rest: int) -> bool:
    """Whether an address can be looked up: no label is longer than 63 characters when encoded."""
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
    """The parts of a host with ASCII and Latin labels, which alone count without a scheme."""
    spot = found = 0
    while labels := _ACCENTED_LABELS.search(host, spot):
        spot = labels.end()
        tops = [labels.start() + dot.end() for dot in _DOT.finditer(labels[0])]
        end = next(filter(None, (_end_of_top(host, top) for top in reversed(tops))), None)
        if end:
            start = host.index(host[labels.start() : end], found)
            spot, found = end, start + end - labels.start()
            yield start, found


_ADDRESS = 23
_EMOJI = 2
_HEAVY = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""Matches characters that count two on X."""
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

_LINE = "[^\n\r\u2028\u2029]"
_STRONG = re.compile(rf"<strong[^>]*>({_LINE}*?)</strong>")
_UNDERLINED = re.compile(rf"<u(?: [^>]*)?>({_LINE}*?)</u>")
_CHARACTER = re.compile(r"<[^>]*>|&[#\w]+;|([A-Za-z0-9])")
_ITEM = re.compile(r"<li[^>]*>(.*?)</li>", re.DOTALL)
_LINK = re.compile(r'<a(?: [^>]*?)? ?href="([^"]*)"[^>]*>.*?</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_COMBINING_LINE = "\u0332"
_ENTITIES = {"&amp;": "&", "&nbsp;": " ", "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">"}


def counted_text(sanitized: str) -> str:
    """The text whose length is compared with the limit."""
    written = reserialize(sanitized)
    if "<p>" not in written:
        return written
    text = re.sub(r"^<p[^>]*>", "", written)
    text = re.sub(r"<p[^>]*>", "\n", text).replace("</p>", "")
    text = _STRONG.sub(lambda found: _each_character(found[1], _bold), text)
    text = _UNDERLINED.sub(lambda found: _each_character(found[1], _underlined), text)
    text = text.replace("<ul>", "\n<ul>")
    text = _ITEM.sub(lambda found: "- " + found[1].replace("\n", "") + "\n", text)
    text = text.replace("</ul>\n", "</ul>")
    text = _TAG.sub("", _LINK.sub(r"\1", text))
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return text


def _each_character(marked: str, change: Callable[[str], str]) -> str:
    return _CHARACTER.sub(lambda found: change(found[1]) if found[1] else found[0], marked)


def _bold(character: str) -> str:
    """A letter or digit in mathematical sans-serif bold."""
    if character.isdigit():
        return chr(ord(character) - ord("0") + 0x1D7EC)
    first, bold = ("a", 0x1D5EE) if character.islower() else ("A", 0x1D5D4)
    return chr(ord(character) - ord(first) + bold)


def _underlined(character: str) -> str:
    return character + _COMBINING_LINE


def plain_length(sanitized: str) -> int:
    """Length on every network but X, in UTF-16 units."""
    return length(counted_text(sanitized))


def x_length(sanitized: str) -> int:
    """Length on X: the larger of UTF-16 units and weights."""
    text = counted_text(sanitized)
    return max(length(text), weighted_length(text))


def weighted_length(counted: str) -> int:
    """The weights of X: an address 23, an emoji 2, other characters 1 or 2."""
    text = unicodedata.normalize("NFC", counted)
    units = _ASTRAL.sub(lambda found: _surrogates(found[0]), text)
    places: Sequence[int] = range(len(text) + 1)
    if len(units) > len(text):
        places = list(accumulate(map(length, text), initial=0))
    whole = {
        places[found.start()]: (places[found.end()], _EMOJI) for found in emoji().finditer(text)
    }
    whole |= {start: (end, _ADDRESS) for start, end in addresses(units)}
    total = spot = 0
    for start in sorted(whole):
        if start >= spot:  # else it is inside of one that was counted
            end, weight = whole[start]
            total += _one_by_one(units[spot:start]) + weight
            spot = end
    return total + _one_by_one(units[spot:])


def _one_by_one(units: str) -> int:
    if units.isascii():
        return len(units)
    rest, pairs = _PAIR.subn("", units)
    return 2 * pairs + len(rest) + len(_HEAVY.findall(rest))


def _surrogates(character: str) -> str:
    first, second = divmod(ord(character) - 0x10000, 0x400)
    return chr(0xD800 + first) + chr(0xDC00 + second)


@cache
def top_level_domains() -> frozenset[str]:
    """The top-level domains in lower case; those of other scripts in both spellings."""
    names = frozenset(_words("top_level_domains.txt"))
    return names | {
        name[4:].encode().decode("punycode") for name in names if name.startswith("xn--")
    }


def _words(file: str) -> list[str]:
    lines = resources.files("postiz_async").joinpath("data", file).read_text("utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


_MAN, _WOMAN, _BOY, _GIRL = "\U0001f468", "\U0001f469", "\U0001f466", "\U0001f467"
_JOINER = "\u200d"
_HEART = f"{_JOINER}\u2764\ufe0f{_JOINER}(?:\U0001f48b{_JOINER})?"
_CHILDREN = f"(?:{_GIRL}{_JOINER}[{_BOY}{_GIRL}]|{_BOY}{_JOINER}{_BOY}|{_BOY}|{_GIRL})"
_PARENTS = f"(?:{_MAN}{_JOINER}[{_MAN}{_WOMAN}]|{_WOMAN}{_JOINER}{_WOMAN}|[{_MAN}{_WOMAN}])"
_TONE = "[\U0001f3fb-\U0001f3ff]"


def _indicators(letters: str) -> str:
    return "".join(chr(ord(letter) - ord("A") + 0x1F1E6) for letter in letters)


def _tags(letters: str) -> str:
    return "".join(chr(ord(letter) + 0xE0000) for letter in letters)


def _flags(regions: list[str]) -> str:
    firsts = sorted({region[0] for region in regions})
    seconds = ("".join(each[1] for each in regions if each[0] == first) for first in firsts)
    return "|".join(
        f"{_indicators(first)}[{_indicators(letters)}]"
        for first, letters in zip(firsts, seconds, strict=True)
    )


@cache
def emoji() -> re.Pattern[str]:
    """A pattern for an emoji sequence, which tries the longest first."""
    facts: dict[str, list[str]] = {}
    words: list[str] = []
    for word in _words("emoji.txt"):
        if word.endswith(":"):
            words = facts[word.removesuffix(":")] = []
        else:
            words.append(word)

    def any_of(name: str) -> str:
        points = (word.split("-") for word in facts[name])
        return f"[{''.join('-'.join(chr(int(end, 16)) for end in ends) for ends in points)}]"

    tools = f"{any_of('role-with-variation')}\ufe0f|{any_of('role')}"
    nations = "|".join(map(_tags, facts["tagged-flags"]))
    return re.compile(
        "|".join(
            (
                f"\U0001f3f4(?:{nations})\U000e007f",
                f"\U0001f3f4{_JOINER}\u2620\ufe0f",
                f"\U0001f3f3\ufe0f{_JOINER}\U0001f308",
                f"\U0001f441{_JOINER}\U0001f5e8",
                f"{_WOMAN}{_HEART}[{_MAN}{_WOMAN}]|{_MAN}{_HEART}{_MAN}",
                f"{_PARENTS}{_JOINER}{_CHILDREN}",
                f"[{_MAN}{_WOMAN}]{_TONE}?{_JOINER}(?:{tools})",
                f"{any_of('gender')}{_TONE}?{_JOINER}[\u2640\u2642]\ufe0f",
                f"{any_of('gender-after-variation')}(?:\ufe0f|{_TONE}){_JOINER}[\u2640\u2642]\ufe0f",
                f"{any_of('gender-without-tone')}{_JOINER}[\u2640\u2642]\ufe0f",
                "[#*0-9]\ufe0f?\u20e3",
                _flags(facts["flags"]),
                f"{any_of('tone')}{_TONE}",
                f"{any_of('variation-and-tone')}\ufe0f{_TONE}",
                f"{any_of('variation')}\ufe0f",
            )
        )
    )
