"""A type that does not show what it has, and texts that are freed of it."""

from __future__ import annotations

import copy
import html
import json
import pickle
import traceback
from base64 import b64encode, urlsafe_b64encode
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st
from work import calls_of

from postiz_async import Secret, UsageError
from postiz_async._wire.secrets import ForeignError, bare, redact, redact_text, stripped
from postiz_async.contrib.web import Credentials

HEX = "4f9c02e7d1b8a3650f4c1e97b2d8a6035e71c94f2a08d6b3"
ODD = 'pos_7x/Q+"9&<z%=~!k#5'
secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=90)


def test_a_secret_shows_itself_to_nobody_who_only_looks() -> None:
    secret = Secret(HEX)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret):  # noqa: UP031
        assert HEX not in shown
        assert "***" in shown
    assert HEX not in repr({"key": [secret]})
    assert secret.reveal() == HEX
    assert not hasattr(secret, "__dict__")
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(secret)


@pytest.mark.parametrize("key", [None, b"key", 5])
def test_what_is_no_text_is_no_secret(key: Any) -> None:
    for make in (Secret, Credentials):
        with pytest.raises(UsageError, match=r"must be a string, not (NoneType|bytes|int)\.$"):
            make(key)


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret(HEX) == Secret(HEX) == HEX
    assert Secret(HEX) != Secret(ODD)
    assert Secret(HEX) != 1
    assert {Secret(HEX): 1}[Secret(HEX)] == 1
    assert copy.deepcopy(Secret(HEX)) == Secret(HEX)
    assert Secret.of(Secret(HEX)) == Secret.of(HEX)
    assert (bool(Secret("")), bool(Secret("x"))) == (False, True)


@given(secrets, st.text(max_size=5), st.text(max_size=5))
def test_each_usual_form_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}"
    raw = text.encode("utf-8", "surrogatepass")
    for form in (
        text,
        quote(text, safe="", errors="surrogatepass"),
        quote(text, errors="surrogatepass"),
        quote_plus(text, errors="surrogatepass"),
        json.dumps(text),
        json.dumps(json.dumps(text)),
        json.dumps(text).replace("/", "\\/"),
        html.escape(text),
        html.escape(text, quote=False),
        "".join(f"%{byte:02x}" for byte in raw),
        "".join(f"%{byte:02X}" for byte in raw),
        b64encode(raw).decode(),
        urlsafe_b64encode(raw).decode(),
        quote(b64encode(raw).decode(), safe=""),
    ):
        freed = redact_text(form, [Secret(secret)])
        assert "***" in freed
        assert freed != form


@given(secrets, st.sampled_from(["", "Bearer ", "user:", "a", "ab", "abc"]))
def test_base64_keeps_no_more_than_the_bits_at_the_ends(secret: str, before: str) -> None:
    encoded = b64encode(f"{before}{secret}".encode()).decode()
    first, _, last = redact_text(encoded, [Secret(secret)]).partition("***")
    assert len(first) <= len(before) * 8 // 6 + 1
    assert len(last.rstrip("=")) <= 1


@given(st.binary(max_size=400))
def test_what_has_no_secret_is_handed_back_itself(data: bytes) -> None:
    assert redact(data, [Secret(HEX), Secret(ODD), Secret("")]) is data


@given(st.text(max_size=60))
def test_any_text_can_be_a_secret_and_any_text_be_freed_of_it(text: str) -> None:
    assert redact_text(text, [Secret(HEX)]) == text
    if text:
        assert redact_text(text, [Secret(text)]).replace("*", "") == ""
    Secret(text).hide(b"%\\u00&\\")


def test_what_is_looked_for_is_found_out_in_little_work() -> None:
    """With each client, at its first answer: most forms of a plain key are one and the same."""
    assert calls_of(partial(Secret(HEX).hide, b"")) < 2_500


@pytest.mark.parametrize("short", ["", "q", "qz", "qzj", "qzjx"])
def test_a_short_secret_takes_nothing_else_with_it(short: str) -> None:
    text = "The server said: invalid username-password pair or user is disabled."
    assert redact_text(text, [Secret(short)]) == text


# ------------------------------------------------------------------ exceptions


class LibraryError(Exception):
    """What a library raises: it keeps the request."""

    def __init__(self, message: str, request: object) -> None:
        super().__init__(message, request)
        self.message, self.request = message, request

    def __str__(self) -> str:
        return self.message


def raised() -> LibraryError:
    """An error three links long that was raised where the secret is a local variable."""
    data = f"Authorization: {HEX}"
    try:
        try:
            raise ConnectionResetError(104, f"Connection reset {data}")
        except OSError as error:
            raise ValueError("odd") from error
    except ValueError:
        try:
            raise LibraryError(f"sent {data}", data)
        except LibraryError as error:
            return error
    raise AssertionError


def test_a_bare_error_says_the_same_and_holds_nothing() -> None:
    copied = bare(raised(), [Secret(HEX)])
    assert type(copied) is ForeignError
    assert str(copied) == "LibraryError: sent Authorization: ***"
    assert copied.__traceback__ is None
    middle = copied.__cause__
    assert type(middle) is ForeignError
    assert str(middle) == "ValueError: odd"
    first = middle.__cause__
    assert type(first) is ConnectionResetError
    assert (first.errno, first.strerror) == (104, "Connection reset Authorization: ***")
    shown = traceback.TracebackException.from_exception(copied, capture_locals=True)
    assert HEX not in "".join(shown.format())


def test_a_stripped_error_is_the_same_object_without_its_past() -> None:
    error = raised()
    assert stripped(error, [Secret(HEX)]) is error
    assert error.__traceback__ is None
    assert type(error.__context__) is ForeignError


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    link: BaseException | None = bare(one)
    for _ in range(20):
        link = link.__cause__ if link is not None else None
    assert link is None
