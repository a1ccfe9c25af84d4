"""Hide secrets in a type of their own, and remove them from answers. PURE.

A server, a firewall or a proxy may repeat what it was sent, in an answer, a redirect or a refusal.
Answers go into errors, logs, journals and reports; so secrets are replaced by `***` before
anything reads them. This module knows the forms in which secrets come back.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, Self, SupportsIndex, TypeAlias, TypeVar, cast
from urllib.parse import quote

from postiz_async.errors import UsageError

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")

MASK = "***"

_BY_FREQUENCY = b"XJKVWYGqzFHMNOCjxkBvwLSPDAIRgyfbmphlucdrsonita+=;_./,eQZTUE7689534210:-"
"""Bytes of answers, the rarest first; other bytes, such as those that begin an escape, are rarer.

A text without the rarest byte of a form does not have the form, and one byte is found fast.
"""

_SHORTEST_BASE64 = 8
"""Fewest characters of base64 to look for; shorter ones occur in other words by chance."""


class OfOneProcess:
    """Base of objects with connections, tasks or a key, which cannot be pickled or copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} belongs to its process, with its connections and its key, and "
            "is neither pickled nor copied. Let the other process make one of its own: give it the "
            "name of the organisation or the address of the store, and read the key there. Posts, "
            "results and errors may be pickled."
        )


class Secret(OfOneProcess):
    """A text that is not shown: `str` and `repr` are three stars.

    So it stays out of the local variables that an error reporter shows. It is kept in a closure,
    because reporters also list the attributes of objects. Two secrets are equal if their texts are,
    and a secret equals its text.

    Args:
        text: the text to hide.

    Raises:
        UsageError: it is not a text, such as None for a key that is not set.
    """

    __slots__ = ("_forms", "_length", "_text")

    def __init__(self, text: str) -> None:
        if not isinstance(cast("object", text), str):
            raise UsageError(
                f"A key or another secret must be a string, not {type(text).__name__}."
            )
        found: tuple[_Forms, _Forms] | None = None

        def forms() -> tuple[_Forms, _Forms]:
            nonlocal found
            if found is None:
                found = _by_rarest(_forms(text)), _signs(text)
            return found

        self._text: Callable[[], str] = lambda: text
        self._length = len(text)
        self._forms = forms

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Make a text a secret; a `Secret` is returned as it is.

        Args:
            text: the text to hide; a `Secret` is returned as it is.
        """
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """The text. Call it inside the expression that needs it, never for a variable."""
        return self._text()

    def hide(self, data: bytes) -> bytes:
        """The same bytes with `***` for each form of the secret; `data` itself if it has none.

        Args:
            data: bytes that may contain the secret, such as the body of an answer.
        """
        forms, signs = self._forms()
        for form in _found(data, forms):
            data = data.replace(form, MASK.encode())
        if any(_found(data, signs)):
            data = re.sub(_escaped(self._text()), MASK.encode(), data)
        return data

    def __len__(self) -> int:
        return self._length

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        return self._text() == (other._text() if isinstance(other, Secret) else other)

    def __hash__(self) -> int:
        return hash(self._text())

    def __repr__(self) -> str:
        return MASK


def hidden(value: T | str) -> T | Secret:
    """Hide an argument that is a text, as tracebacks may show the variables of a caller."""
    return Secret(value) if isinstance(value, str) else value


def redact(data: bytes, secrets: Iterable[Secret]) -> bytes:
    """The same bytes without any of the secrets; `data` itself if it has none."""
    for secret in secrets:
        data = secret.hide(data)
    return data


def redact_text(text: str, secrets: Iterable[Secret]) -> str:
    """The same text without any of the secrets."""
    return redact(text.encode("utf-8", "surrogatepass"), secrets).decode("utf-8", "surrogatepass")


# ------------------------------------------------------------------ forms


_Forms: TypeAlias = tuple[tuple[int, tuple[bytes, ...]], ...]


def _by_rarest(forms: Iterable[bytes]) -> _Forms:
    """Group forms by the byte of each that is rarest in answers."""
    found: dict[int, list[bytes]] = {}
    for form in dict.fromkeys(forms):
        found.setdefault(min(set(form), key=_BY_FREQUENCY.find), []).append(form)
    return tuple((rarest, tuple(each)) for rarest, each in found.items())


def _found(data: bytes, forms: _Forms) -> Iterator[bytes]:
    """The forms that are in the data."""
    for rarest, each in forms:
        if rarest in data:
            # from the end takes a third of the time
            yield from (form for form in each if data.rfind(form) >= 0)


def _forms(text: str) -> Iterable[bytes]:
    """Forms in which a secret may come back: plain, hex, base64, escaped for URL, JSON or HTML.

    Forms with each character escaped are found by `_escaped`.
    """
    if not text:
        return
    raw = text.encode("utf-8", "surrogatepass")
    coded = [*_in_base64(raw)]
    coded += [each for form in coded for each in _in_base64(form.encode())]
    for plain in dict.fromkeys((text, raw.hex(), raw.hex().upper(), *coded)):
        for once in _in_escapes(plain):
            for twice in _in_escapes(once):
                yield twice.encode("utf-8", "surrogatepass")


def _in_escapes(text: str) -> Iterable[str]:
    """A text as it is and escaped; letters and digits stay as they are."""
    if text.isascii() and text.isalnum():
        return (text,)
    return dict.fromkeys((text, *_in_json(text), *_in_url(text), *_in_html(text)))


def _signs(text: str) -> _Forms:
    """Byte sequences, one of which occurs wherever each character of a secret is escaped.

    They are grouped by a byte that is there too, maybe further in front.
    """
    if len(text) < 2:
        return ()
    in_url = [b"3B%26", b"3b%26", b"3B%2526", b"3b%2526"]
    in_json: list[bytes] = []
    for form in ("%02x", "%02X"):
        first, second = (form % byte for byte in text[:2].encode("utf-8", "surrogatepass")[:2])
        in_json += (f"{start}{first}".encode() for start in ("\\u00", "\\x"))
        in_url += (f"{start}{first}".encode() for start in ("5Cu00", "5cu00"))
        in_url += (f"%{more}{first}%{more}{second}".encode() for more in ("", "25", "2525"))
    signs = {"&": [b";&#"], ";": [b"amp;#"], "%": in_url, "\\": in_json}
    return tuple((ord(byte), (*dict.fromkeys(each),)) for byte, each in signs.items())


def _escaped(text: str) -> bytes:
    """A pattern for a secret with any characters escaped, for URL, JSON, HTML or several of them.

    Repetitions are bounded, so that nobody can make the search long.
    """
    percent, sharp, end = "%(?:25){0,4}", "(?:#|%(?:25){0,4}23)", "(?:;|%(?:25){0,4}3[bB])?"
    amp = f"(?:&(?:amp;){{0,4}}|{percent}26(?:amp{end}){{0,4}})"
    slash = f"(?:\\\\|{percent}5[cC]){{1,8}}"
    found: list[str] = []
    for char in text:
        bytes_ = "".join(
            f"{percent}(?i:{byte:02x})" for byte in char.encode("utf-8", "surrogatepass")
        )
        code = f"(?i:{ord(char):x})"
        number = f"{amp}{sharp}(?:0{{0,8}}{ord(char)}|[xX]0{{0,8}}{code}){end}"
        found.append(f"(?:{re.escape(char)}|{bytes_}|{number}|{slash}(?:u0{{0,3}}|x){code})")
    return "".join(found).encode("utf-8", "surrogatepass")


def _in_json(text: str) -> Iterable[str]:
    quoted = json.dumps(text)[1:-1]
    in_script = quoted.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    for form in (quoted, in_script):
        yield form
        yield form.replace("/", "\\/")


def _in_url(text: str) -> Iterable[str]:
    for safe in ("", "/", "!'()*", "!#$&'()*+,/:;=?@"):  # as libraries differ
        form = quote(text, safe=safe, errors="surrogatepass")
        yield form
        yield re.sub("%..", lambda escape: escape[0].lower(), form)


def _in_html(text: str) -> Iterable[str]:
    plain = html.escape(text, quote=False)
    for quoted in (plain, plain.replace('"', "&quot;"), plain.replace('"', "&#34;")):
        for apostrophe in ("'", "&#x27;", "&#39;", "&#039;", "&apos;"):
            form = quoted.replace("'", apostrophe)
            yield form
            yield form.replace("/", "&#x2F;")
    for escape in ("&#{};", "&#x{:x};", "&#x{:X};"):
        yield "".join(c if c.isalnum() or c in "_ " else escape.format(ord(c)) for c in text)


def _in_base64(raw: bytes) -> Iterable[str]:
    """The base64 that all texts with the secret have in common, at each of the three alignments.

    So `Bearer key` and `user:key` are found too. The characters that also hold bits of what is
    before or after the secret are left out.
    """
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(bytes(before) + raw).decode()
        inner = encoded[shared : (before + len(raw)) * 8 // 6]
        if len(inner) >= _SHORTEST_BASE64:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


# ------------------------------------------------------------------ exceptions


class ForeignError(Exception):
    """Stands for an exception of another library: has the name of its class, and its message."""


def bare(error: BaseException, secrets: Iterable[Secret] = (), *, links: int = 8) -> Exception:
    """A new exception with the same message and chain of causes, but without references to secrets.

    Exceptions of other libraries have the request in their attributes, and in their tracebacks
    whatever was a local variable on the way. Errors of the operating system keep their class.

    Args:
        error: the original.
        secrets: the secrets to remove from its message.
        links: how many exceptions of its chain are kept.
    """
    fresh: Exception
    secrets = tuple(secrets)
    if isinstance(error, OSError) and type(error).__module__ in {"builtins", "socket", "ssl"}:
        words = [redact_text(a, secrets) if isinstance(a, str) else a for a in error.args[:2]]
        fresh = type(error)(*words)
    else:
        fresh = ForeignError(f"{type(error).__name__}: {redact_text(str(error), secrets)}")
    below = error.__cause__
    if below is None and not error.__suppress_context__:
        below = error.__context__
    if below is not None and links > 1:
        fresh.__cause__ = bare(below, secrets, links=links - 1)
    return fresh


def stripped(error: E, secrets: Iterable[Secret] = ()) -> E:
    """Remove the traceback of an exception, and references to secrets from its chain of causes."""
    if error.__cause__ is not None:
        error.__cause__ = bare(error.__cause__, secrets)
    if error.__context__ is not None:
        error.__context__ = bare(error.__context__, secrets)
    return error.with_traceback(None)
