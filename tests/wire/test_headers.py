"""Headers that users add: which are refused, what is said of them, and that nobody sees values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from postiz_async import ConfigurationError, Secret
from postiz_async._wire.endpoints import CREATE_POST, IS_CONNECTED, Call
from postiz_async._wire.headers import HiddenText, checked_headers, merged_headers
from postiz_async._wire.requests import encode, own_headers

TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789"
names = st.text(TOKEN + "-_", min_size=1, max_size=12).map(lambda name: f"X-{name}")
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)


@given(st.dictionaries(names, values, max_size=5))
def test_what_can_be_sent_is_taken_as_it_is(headers: dict[str, str]) -> None:
    if len({name.lower() for name in headers}) == len(headers):
        found = checked_headers(headers)
        assert [(name, value.reveal()) for name, value in found] == list(headers.items())


@given(st.text(), st.text())
def test_whatever_is_taken_is_one_line_of_ascii_and_else_it_is_refused(
    name: str, value: str
) -> None:
    try:
        found = checked_headers({name: value})
    except ConfigurationError:
        return
    ((_, sent),) = found
    line = f"{name}: {sent.reveal()}"
    assert line.isascii()
    assert line.isprintable() or "\t" in line
    assert name
    assert value.strip() == value


@given(st.dictionaries(names, values, max_size=4), st.dictionaries(names, values, max_size=4))
def test_of_two_headers_with_one_name_the_later_is_sent(
    one: dict[str, str], two: dict[str, str]
) -> None:
    def lowered(headers: dict[str, str]) -> dict[str, str]:
        return {name.lower(): value for name, value in headers.items()}

    before = tuple((name, Secret(value)) for name, value in one.items())
    later = tuple((name.swapcase(), Secret(value)) for name, value in two.items())
    merged = {name.lower(): value.reveal() for name, value in merged_headers(before, later)}
    assert merged == lowered(one) | lowered(two)
    assert len(merged_headers(before, later)) == len(merged)


def test_each_header_that_the_client_sends_by_itself_is_refused() -> None:
    calls: list[Call[Any]] = [Call(IS_CONNECTED), Call(CREATE_POST, body=Raw(b"{}"))]
    for call in calls:
        own = own_headers(Secret("key"), "agent")
        request = encode(call, root="http://x", headers=own, timeout=None)
        for name, _ in request.headers:
            with pytest.raises(ConfigurationError, match=f"{name.upper()} is the client's own"):
                checked_headers({name.upper(): "x"})


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": "Basic x"}, "by another header or by a client certificate"),
        ({"Host": "example.com"}, "it follows from base_url"),
        ({"Proxy-Authorization": "Basic x"}, "it is for the proxy: proxy="),
        ({"content-length": "7"}, "follows from what is sent"),
        ({"X-A": "one\r\nB: two"}, "it has a line break"),
        ({"X-A": "one\n"}, "ends with a line break, which is often in the file"),
        ({"X-A": "für"}, "not printable ASCII"),
        ({"X-A": "\x00"}, "not printable ASCII"),
        ({"X-A": ""}, "it is empty"),
        ({"X-A": " one"}, "begins or ends with white space"),
        ({"X A": "one"}, "cannot be the name of a header"),
        ({"X-A\n": "one"}, "cannot be the name of a header"),
        ({"": "one"}, "cannot be the name of a header"),
        ({7: "one"}, "cannot be the name of a header"),
        ({"X-A": 7}, "must be a string or a Secret, not int"),
        ({"X-A": None}, "must be a string or a Secret, not NoneType"),
        ({"X-A": "one", "x-a": "two"}, "x-a is given twice"),
        ([("X-A", "one")], "a mapping from names to values, not list"),
    ],
)
def test_what_is_refused_is_told_with_the_reason(headers: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        checked_headers(headers)


def test_values_are_shown_to_nobody() -> None:
    found = checked_headers({"X-A": "a common word", "X-B": Secret("the secret")})
    assert "common" not in repr(found)
    assert "secret" not in repr(found)
    assert [type(value) for _, value in found] == [HiddenText, Secret]
