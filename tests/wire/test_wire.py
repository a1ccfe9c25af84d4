from __future__ import annotations

import json
import math
import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import structs
from recorded import Recorded

from postiz_async import _wire as wire
from postiz_async._wire import QuotaEffect, WireResponse, endpoints
from postiz_async._wire.endpoints import ENDPOINTS, Call, Endpoint
from postiz_async._wire.headers import checked_headers
from postiz_async._wire.responses import FailureKind
from postiz_async._wire.secrets import Secret
from postiz_async.errors import (
    APIResponseValidationError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PlanLimitError,
    PostizError,
    RateLimitError,
    ServerError,
)

KEY = "k3y-" + "7" * 20
JSON_TYPE = "application/json; charset=utf-8"
NOW = 1_800_000_000.0


def answer(
    status: int = 200, body: object = b"", kind: str | None = None, **headers: str
) -> WireResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if kind is None:
        kind = JSON_TYPE if data else ""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WireResponse(status, {"content-type": kind} | named, data)


def rate(limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        "x_ratelimit_limit": str(limit),
        "x_ratelimit_remaining": str(remaining),
        "x_ratelimit_reset": str(reset),
    }


def encode(call: Call[Any], **changes: Any) -> wire.WireRequest:
    own = wire.own_headers(changes.pop("key", KEY), "test")
    headers = own + changes.pop("headers", ())
    return wire.encode(call, root="http://host/public/v1", headers=headers, timeout=1.0, **changes)


# ------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("given_url", "root"),
    [
        ("https://api.postiz.com", "https://api.postiz.com/public/v1"),
        ("https://api.postiz.com/", "https://api.postiz.com/public/v1"),
        ("https://api.postiz.com/public/v1", "https://api.postiz.com/public/v1"),
        ("https://api.postiz.com/public/v1/", "https://api.postiz.com/public/v1"),
        ("  https://api.postiz.com/public/v1//\n", "https://api.postiz.com/public/v1"),
        ("https://postiz.example.com/api", "https://postiz.example.com/api/public/v1"),
        ("https://postiz.example.com/api/", "https://postiz.example.com/api/public/v1"),
        ("https://postiz.example.com/api/public/v1", "https://postiz.example.com/api/public/v1"),
        ("HTTP://localhost:4007/api", "http://localhost:4007/api/public/v1"),
        ("http://localhost:", "http://localhost/public/v1"),
        ("http://[::1]:3000", "http://[::1]:3000/public/v1"),
        ("https://Müller.example/äb", "https://xn--mller-kva.example/%C3%A4b/public/v1"),
        ("https://host/a%20b", "https://host/a%20b/public/v1"),
    ],
)
def test_every_form_of_the_base_url_gives_the_same_root(given_url: str, root: str) -> None:
    assert wire.api_root(given_url) == root


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "postiz.example.com",
        "localhost:3000",
        "ftp://postiz.example.com",
        "https://",
        "https:///api",
        "https://host:0",
        "https://host:99999",
        "https://host:port",
        "https://[::1",
        "https://ho st/",
        "https://host/a b",
        "https://host/\nx",
        "https:\\\\host",
        "https://host?key=1",
        "https://host#x",
        "https://user:secret@host",
        "https://@host",
        "https://a..b",
        "https://" + "a" * 70 + ".example",
        "https://host/\ud800",
    ],
)
def test_what_is_no_base_url_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wire.api_root(base_url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("misplaced", [KEY, "pos_" + "a" * 30, f"ftp://me:{KEY}@host"])
def test_a_key_in_the_place_of_the_url_is_not_repeated(misplaced: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wire.api_root(misplaced)
    assert misplaced not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "typed",
    [KEY, f" {KEY}\n", f"Bearer {KEY}", f"bearer\t{KEY} ", f"BEARER   {KEY}"],
)
def test_a_key_is_cleaned(typed: str) -> None:
    assert wire.clean_key(typed) == KEY


@pytest.mark.parametrize("typed", ["", "  \n", "Bearer", "Bearer  "])
def test_an_empty_key_says_where_to_find_one(typed: str) -> None:
    with pytest.raises(ConfigurationError, match="Settings > Developers > Public API"):
        wire.clean_key(typed)


@pytest.mark.parametrize("bad", ["a b", "a\nb", "a\x00b", "a\x7fb", "schlüssel", "k\ud800y", "键"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wire.clean_key(bad)
    assert bad not in str(caught.value)


def test_a_secret_shows_itself_to_nobody_who_only_looks() -> None:
    secret = wire.clean_key(KEY)
    assert secret == KEY
    assert isinstance(secret, Secret)
    assert KEY not in repr(secret)
    assert KEY not in repr({"Authorization": secret})


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("cmf0abcd0001", "cmf0abcd0001"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a b+c", "a%20b%2Bc"),
        ("ä€", "%C3%A4%E2%82%AC"),
        ("...", "..."),
        ("{group}", "%7Bgroup%7D"),
    ],
)
def test_a_path_parameter_is_exactly_one_segment(value: str, segment: str) -> None:
    request = encode(Call(endpoints.DELETE_POST, params={"id": value}))
    assert request.url == f"http://host/public/v1/posts/{segment}"


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "\x00", "a\x7f", "\t", "x\ud800"])
def test_a_path_parameter_that_could_address_something_else_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError):
        encode(Call(endpoints.DELETE_POST, params={"id": value}))


def test_every_placeholder_of_every_route_has_a_parameter() -> None:
    for endpoint in ENDPOINTS:
        names = re.findall(r"\{(\w+)\}", endpoint.path)
        request = encode(Call(endpoint, params=dict.fromkeys(names, "x")))
        assert "{" not in request.url


def test_query_values_are_encoded() -> None:
    query = (("startDate", "2027-01-01T00:00:00.000Z"), ("customer", "a&b=c d"))
    request = encode(Call(endpoints.LIST_POSTS, query=query))
    assert request.url.endswith("?startDate=2027-01-01T00:00:00.000Z&customer=a%26b%3Dc%20d")


def test_a_query_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        encode(Call(endpoints.LIST_POSTS, query=(("customer", "\ud800"),)))


def test_added_headers_come_after_ours() -> None:
    added = checked_headers({"X-Mine": "1"})
    headers = encode(Call(endpoints.IS_CONNECTED), headers=added).headers
    assert headers[0] == ("Authorization", KEY)
    assert headers[3:] == (("X-Mine", "1"),)


def test_a_request_shows_neither_key_nor_body() -> None:
    request = encode(Call(endpoints.CREATE_POST, body=msgspec.Raw(b'{"content":"private"}')))
    assert KEY not in repr(request)
    assert "private" not in repr(request)


def test_a_body_that_json_cannot_carry_is_refused() -> None:
    class Body(msgspec.Struct):
        value: object

    circle: list[object] = []
    circle.append(circle)
    for value in (object(), "\ud800", circle, {1j: 2}):
        with pytest.raises(InvalidInputError):
            wire.encode_body(Body(value))


# ------------------------------------------------------------------ dates


def test_a_date_is_sent_in_utc_with_milliseconds() -> None:
    moment = datetime(2027, 1, 15, 9, 0, 0, 123_999, tzinfo=ZoneInfo("Europe/Berlin"))
    assert wire.format_date(moment) == "2027-01-15T08:00:00.123Z"
    assert wire.format_date(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000Z"


def test_so_is_one_of_another_library_whose_kind_is_a_datetime() -> None:
    class Timestamp(datetime):
        """As pandas, pendulum and freezegun have them."""

    assert wire.format_date(Timestamp(2027, 1, 15, 8, tzinfo=UTC)) == "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 1, 15, 9),  # noqa: DTZ001
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12))),
    ],
)
def test_a_date_without_zone_or_out_of_range_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidInputError):
        wire.format_date(moment)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_in_utc_is_written_as_python_writes_it(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds")
    assert wire.format_date(moment) == text.replace("+00:00", "Z")


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_a_date_survives_the_way_there_and_back(moment: datetime) -> None:
    try:
        text = wire.format_date(moment)
    except InvalidInputError:
        return
    back = wire.parse_date(text)
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)


def test_a_date_of_an_answer_without_zone_means_utc() -> None:
    assert wire.parse_date("2026-01-15T10:00:00") == datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert wire.parse_date("2026-01-15T10:00:00+02:00") == datetime(2026, 1, 15, 8, tzinfo=UTC)


@given(st.text() | st.just("0001-01-01T00:00:00+14:00") | st.just("+010000-01-01T00:00:00Z"))
def test_no_text_in_the_place_of_a_date_escapes_the_tree(text: str) -> None:
    with suppress(APIResponseValidationError):
        assert wire.parse_date(text).tzinfo is UTC


# ------------------------------------------------------------------ errors: shapes E1 to E12

SHAPES: list[tuple[str, WireResponse, type[PostizError], str]] = [
    ("E1", answer(401, {"msg": "Invalid API key"}), AuthenticationError, "Invalid API key"),
    ("E1", answer(401, {"msg": "No subscription found"}), AuthenticationError, "no subscription"),
    ("E1", answer(403, {"msg": "Unauthorized"}), PermissionDeniedError, "Unauthorized"),
    (
        "E2",
        answer(400, {"message": "Post not found", "error": "Bad Request", "statusCode": 400}),
        BadRequestError,
        "Post not found",
    ),
    (
        "E3",
        answer(400, {"message": ["a must be b", "c must be d"], "error": "Bad Request"}),
        BadRequestError,
        "a must be b; c must be d",
    ),
    (
        "E4",
        answer(429, {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}),
        RateLimitError,
        "No more of these requests are taken",
    ),
    ("E4", answer(406, {"statusCode": 406, "message": "Not in trial"}), BadRequestError, "trial"),
    (
        "E5",
        answer(400, {"statusCode": 400, "provider": "x", "name": "Mine", "message": "too long"}),
        BadRequestError,
        "[Mine on x]: too long",
    ),
    (
        "E6",
        answer(402, {"statusCode": 402, "message": "maximum reached", "url": "https://h/billing"}),
        PlanLimitError,
        "https://h/billing",
    ),
    ("E7", answer(401, b"", logout="true"), ServerError, "could not look up the key"),
    ("E8", answer(500, {"statusCode": 500, "message": "Internal server error"}), ServerError, ""),
    (
        "E9",
        answer(404, {"message": "Cannot GET /public/v1/zzz", "error": "Not Found"}),
        NotFoundError,
        "Cannot GET",
    ),
    (
        "E10",
        answer(413, {"statusCode": 413, "message": "request entity too large"}),
        PayloadTooLargeError,
        "request entity too large",
    ),
    (
        "E11",
        answer(400, {"error": "invalid_grant", "error_description": "Code has expired"}),
        BadRequestError,
        "Code has expired",
    ),
    ("E11", answer(400, {"error": "invalid_grant"}), BadRequestError, "invalid_grant"),
    (
        "E12",
        answer(307, b"", location="https://postiz.example.com/auth"),
        ConfigurationError,
        "redirect to https://postiz.example.com/auth",
    ),
    ("E12", answer(200, b"<!DOCTYPE html>", "text/html"), ConfigurationError, "/api"),
    ("E12", answer(404, b"<html>no</html>", "text/html"), ConfigurationError, "a web page"),
    ("E12", answer(413, b"<html>nginx</html>", "text/html"), PayloadTooLargeError, "413"),
    ("E12", answer(502, b"<html>nginx</html>", "text/html"), ServerError, "without a text"),
    ("E12", answer(503, b"upstream down", "text/plain"), ServerError, "upstream down"),
    ("E12", answer(504, b""), ServerError, "without a text"),
]


@pytest.mark.parametrize(("shape", "response", "kind", "text"), SHAPES)
def test_every_shape_of_an_error_gives_its_class_and_its_words(
    shape: str, response: WireResponse, kind: type[PostizError], text: str
) -> None:
    with pytest.raises(PostizError) as caught:
        wire.decode(endpoints.LIST_CHANNELS, response)
    assert type(caught.value) is kind, shape
    assert text in str(caught.value)
    if isinstance(caught.value, APIStatusError):
        assert caught.value.status_code == response.status
        assert caught.value.body == response.body


def test_a_redirect_to_the_api_elsewhere_says_to_use_that_address() -> None:
    error = wire.failure(answer(301, b"", location="https://host/api/public/v1/posts"))
    assert "Use the address that it points to" in str(error)
    assert "lacks /api" not in str(error)


def test_what_a_server_says_can_be_printed_anywhere() -> None:
    for response in (
        answer(302, b"", location="/\udcff\udcfe\r\n"),
        answer(400, b"\xff\xfe", "text/plain"),
        answer(500, b'{"message": "\xed\xa0\x80"}'),
    ):
        assert str(wire.failure(response)).encode()


def test_the_first_of_the_four_keys_that_hold_a_text_is_taken() -> None:
    body = {"error": "d", "error_description": "c", "message": "b", "msg": "a"}
    for key, expected in (("", "a"), ("msg", "b"), ("message", "c"), ("error_description", "d")):
        body.pop(key, None)
        error = wire.failure(answer(400, body))
        assert isinstance(error, BadRequestError)
        assert error.text == expected


def test_a_refusal_names_provider_and_channel() -> None:
    error = wire.failure(answer(400, {"provider": "x", "name": "Mine", "message": "too long"}))
    assert isinstance(error, BadRequestError)
    assert (error.provider, error.channel_name) == ("x", "Mine")


def test_a_missing_route_says_which_release_has_it() -> None:
    body = {"message": "Cannot GET /public/v1/groups", "error": "Not Found", "statusCode": 404}
    with pytest.raises(NotFoundError, match=re.escape(endpoints.LIST_GROUPS.since)):
        wire.decode(endpoints.LIST_GROUPS, answer(404, body))


def test_a_404_in_words_that_are_not_those_of_postiz_is_of_another_program() -> None:
    with pytest.raises(NotFoundError, match=r'404: {"detail": ?"Not Found"}\n.*at the base URL'):
        wire.decode(endpoints.LIST_GROUPS, answer(404, {"detail": "Not Found"}))
    assert "base URL" not in str(wire.failure(answer(404, {"message": "Tool not found"})))


def test_a_long_text_is_kept_but_not_repeated_in_full() -> None:
    error = wire.failure(answer(400, {"message": ["posts.7.x " + "y" * 9_000]}))
    assert isinstance(error, BadRequestError)
    assert len(error.text) > 9_000
    assert len(str(error)) < 3_000


def test_every_recorded_refusal_gives_its_class(answers: list[Recorded]) -> None:
    classes = {
        400: BadRequestError,
        402: PlanLimitError,
        403: PermissionDeniedError,
        404: NotFoundError,
        413: PayloadTooLargeError,
        415: BadRequestError,
        429: RateLimitError,
        500: ServerError,
    }
    seen = 0
    for recorded in answers:
        if recorded.status < 400:
            continue
        seen += 1
        error = wire.failure(recorded.response)
        expected: type[PostizError] = classes.get(recorded.status, AuthenticationError)
        if recorded.status == 401 and not recorded.body:
            expected = ServerError
        assert type(error) is expected, recorded.name
        if isinstance(error, APIStatusError) and recorded.body:
            said = recorded.body.get("msg") or recorded.body.get("message")
            said = said or recorded.body.get("error_description") or recorded.body.get("error")
            assert error.text == ("; ".join(said) if isinstance(said, list) else said)
    assert seen > 200


# ------------------------------------------------------------------ successes


def _route(recorded: Recorded) -> Endpoint[Any] | None:
    path = recorded.path.removeprefix("/public/v1")
    for endpoint in sorted(ENDPOINTS, key=lambda e: e.path.count("{")):
        pattern = re.sub(r"\{\w+\}", "[^/]+", endpoint.path)
        if endpoint.method == recorded.method and re.fullmatch(pattern, path):
            return endpoint
    return None


def _paths(prefix: str, keys: str) -> set[str]:
    return {f"{prefix}.{key}" for key in keys.split()}


LEFT_OUT = {
    "list_posts": {".posts.*.tags.*"},  # only the names are kept
    # rows of the server's database; what of them means something to a caller is read
    "update_release_id": _paths(
        "",
        "publishDate organizationId integrationId content delay group title description "
        "parentPostId settings image submittedForOrderId submittedForOrganizationId "
        "approvedSubmitForOrder creationMethod lastMessageId intervalInDays error createdAt "
        "updatedAt deletedAt",
    ),
    # the same, with the tokens of the network
    "delete_channel": _paths(
        "",
        "internalId organizationId name picture providerIdentifier type token disabled "
        "tokenExpiration refreshToken profile deletedAt createdAt updatedAt inBetweenSteps "
        "refreshNeeded postingTimes customInstanceDetails customerId rootInternalId "
        "additionalSettings",
    ),
    "search_users": {".*.organization.subscription"},
    # null in every answer
    "upload_file": {".originalName"},
    "upload_from_url": {".originalName"},
}
"""Keys of answers that no struct has, by route, and why."""


def _lost(sent: Any, read: Any, where: str = "") -> list[str]:
    """Paths of values that were sent and cannot be found again in what was read."""
    if isinstance(sent, list):
        pairs = zip(sent, read, strict=True)
        return [path for a, b in pairs for path in _lost(a, b, f"{where}.*")]
    if isinstance(sent, dict) and isinstance(read, dict):
        return [
            path
            for key, value in sent.items()
            for path in (
                _lost(value, read[key], f"{where}.{key}") if key in read else [f"{where}.{key}"]
            )
        ]
    if isinstance(sent, str) and isinstance(read, str) and sent != read:
        with suppress(ValueError):
            same = datetime.fromisoformat(sent) == datetime.fromisoformat(read)
            return [] if same else [where]
    return [] if sent == read or (sent is None and read is not None) else [where]


def test_every_recorded_success_decodes_without_loss(answers: list[Recorded]) -> None:
    seen: dict[str, set[str]] = {}
    for recorded in answers:
        endpoint = _route(recorded)
        if endpoint is None or not 200 <= recorded.status < 300:
            continue
        value = wire.decode(endpoint, recorded.response)
        lost = seen.setdefault(endpoint.name, set())
        if endpoint.reply is NoneType:
            assert value is None
            continue
        again = msgspec.json.decode(msgspec.json.encode(value))
        lost.update(_lost(recorded.body, again))
    assert {"create_post", "list_posts", "upload_file", "list_channels"} <= seen.keys()
    assert {name: lost for name, lost in seen.items() if lost} == LEFT_OUT


def test_a_value_that_is_lost_is_seen() -> None:
    sent = {"kept": 1, "gone": 2, "list": [{"kept": None, "gone": None, "other": "a"}]}
    read = {"kept": 1, "list": [{"kept": None, "other": "b"}]}
    assert _lost(sent, read) == [".gone", ".list.*.gone", ".list.*.other"]


POST = {
    "id": "cm1",
    "content": "<p>x</p>",
    "publishDate": "2026-01-15T10:00:00.000Z",
    "releaseURL": None,
    "state": "QUEUE",
    "integration": {"id": "c", "providerIdentifier": "x", "name": "n", "picture": None},
}


def test_unknown_fields_states_and_providers_break_nothing() -> None:
    odd = POST | {"state": "NEW_STATE", "future": {"a": [1]}, "creationMethod": "TELEPATHY"}
    odd["integration"] = {"id": "c", "providerIdentifier": "brand-new", "name": "n", "extra": 1}
    (post,) = wire.decode(endpoints.LIST_POSTS, answer(200, {"posts": [odd], "more": 1})).posts
    assert post.state == "NEW_STATE"
    assert post.channel is not None
    assert post.channel.provider == "brand-new"


def test_fields_that_old_servers_do_not_send_are_absent_not_wrong() -> None:
    (post,) = wire.decode(endpoints.LIST_POSTS, answer(200, {"posts": [POST]})).posts
    assert (post.group, post.settings, post.creation_method, post.actual_date) == (None,) * 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'[{"postId": "a", "integration": "b"',
        b"not json",
        b'"text"',
        b"null",
        b"[1]",
        b'[{"postId": 1, "integration": "b"}]',
        b'[{"integration": "b"}]',
        b"\xff\xfe[\x00]\x00",
        b'[{"postId": "\xe4", "integration": "b"}]',
        b"[" * 100_000,
        b'[{"x":' * 50_000,
        b'[{"postId": "\\ud800", "integration": "b"}]',
    ],
)
def test_a_success_with_another_body_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(APIResponseValidationError, match="not what the API promises"):
        wire.decode(endpoints.CREATE_POST, answer(201, body, JSON_TYPE))


def test_deletes_say_nothing_that_matters() -> None:
    for body in ({"error": True}, {"id": "x"}, b"", b"junk"):
        assert wire.decode(endpoints.DELETE_POST_GROUP, answer(200, body)) is None


# ------------------------------------------------------------------ bounds


def test_a_success_that_was_cut_names_the_route_and_its_bound() -> None:
    cut = structs.replace(answer(200, b'{"posts": [{"id": "a", "publi'), is_cut=True)
    with pytest.raises(APIResponseValidationError) as caught:
        wire.decode(endpoints.LIST_POSTS, cut)
    assert "GET /posts was answered with 200" in str(caught.value)
    assert "more than 134,217,728 bytes" in str(caught.value)


def test_an_error_that_was_cut_is_that_error() -> None:
    cut = structs.replace(answer(502, b"<html>" + b"x" * 5_000, "text/html"), is_cut=True)
    with pytest.raises(ServerError, match="502"):
        wire.decode(endpoints.CREATE_POST, cut)


def test_each_request_says_how_much_of_its_answer_is_read() -> None:
    call = Call(endpoints.IS_CONNECTED)
    request = wire.encode(call, root="https://x", headers=(), timeout=1.0)
    assert request.max_body == endpoints.IS_CONNECTED.max_body == 1024 * 1024


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_what_has_no_shape_may_not_be_long(endpoint: Endpoint[object]) -> None:
    """Only what becomes structs of few fields may be: `{}` takes 24 times its length in JSON."""
    shaped = {"list_posts", "list_channels", "list_notifications"}
    assert endpoint.max_body <= 4 * 1024 * 1024 or endpoint.name in shaped


@pytest.mark.exhaustive
def test_a_million_empty_objects_take_a_bounded_space() -> None:
    bound = endpoints.VIDEO_FUNCTION.max_body
    body = b"[" + b"{}," * (bound // 3 - 1) + b"1]"
    tracemalloc.start()
    try:
        wire.decode(endpoints.VIDEO_FUNCTION, answer(201, body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 128 * 1024 * 1024


# ------------------------------------------------------------------ what it says of the quota

THROTTLED = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}


def test_the_rate_headers_are_read() -> None:
    seen = wire.observe(answer(201, [], **rate(30, 12, 3599)), now=NOW)
    assert seen.cost is QuotaEffect.COUNTED
    assert seen.reading is not None
    assert (seen.reading.limit, seen.reading.remaining, seen.reading.reset) == (30, 12, 3599.0)


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_reset_that_is_a_moment_is_read_as_one(unit: int) -> None:
    seen = wire.observe(answer(201, [], **rate(30, 12, (int(NOW) + 60) * unit)), now=NOW)
    assert seen.reading is not None
    assert seen.reading.reset == 60.0


@pytest.mark.parametrize(
    "headers",
    [
        rate("NaN", "NaN", "NaN"),
        rate(30, -1, 10),
        rate(30, 31, 10),
        rate(30, 1, -10),
        rate(0, 0, 10),
        rate(-30, 1, 10),
        rate("1e300", 1, 10),
        rate(30, "inf", 10),
        rate(30, 1, "1e300"),
        rate(30, 1, 90_000),
        rate("", "", ""),
        rate("thirty", 1, 1),
        {"x_ratelimit_limit": "30"},
    ],
)
def test_rate_headers_that_are_no_sensible_numbers_are_none(headers: dict[str, str]) -> None:
    seen = wire.observe(answer(201, [], **headers), now=NOW)
    assert (seen.cost, seen.reading) == (QuotaEffect.COUNTED, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-5", None),
        ("NaN", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Fri, 15 Jan 2027 08:02:00 -0000", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", None),
        ("Fri, 99 Foo 2027 07:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert datetime.fromtimestamp(NOW, UTC) == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert wire.observe(answer(429, retry_after=header), now=NOW).retry_after == seconds


def test_retry_after_as_a_date_is_held_against_the_servers_own_clock_in_an_error() -> None:
    headers = {
        "date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "retry-after": "Fri, 15 Jan 2027 08:00:30 GMT",
    }
    error = wire.failure(WireResponse(429, headers, b""))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 30.0


@pytest.mark.parametrize(
    ("response", "cost"),
    [
        (answer(201, []), QuotaEffect.COUNTED),
        (answer(400, {"msg": "no"}), QuotaEffect.COUNTED),
        (answer(402, {"message": "no", "statusCode": 402}), QuotaEffect.COUNTED),
        (
            answer(500, {"message": "no", "statusCode": 500}, **rate(30, 1, 10)),
            QuotaEffect.COUNTED,
        ),
        (answer(500, {"message": "no"}), QuotaEffect.UNKNOWN),
        (answer(502, b"<html>", "text/html"), QuotaEffect.UNKNOWN),
        (answer(521, b"error code: 521", "text/plain"), QuotaEffect.UNKNOWN),
        (answer(401, {"msg": "Invalid API key"}), QuotaEffect.FREE),
        (answer(401, b""), QuotaEffect.FREE),
        (answer(404, {"message": "Cannot POST /posts", "statusCode": 404}), QuotaEffect.FREE),
        (answer(413, {"message": "request entity too large"}), QuotaEffect.FREE),
        (
            answer(400, {"message": "Unexpected token } in JSON at 1", "statusCode": 400}),
            QuotaEffect.FREE,
        ),
        (answer(307, b"", location="/auth"), QuotaEffect.UNKNOWN),
        (answer(200, b"<html>", "text/html"), QuotaEffect.UNKNOWN),
        (answer(429, THROTTLED), QuotaEffect.REFUSED),
        (answer(429, THROTTLED, **rate(30, 3, 10)), QuotaEffect.REFUSED),
        (answer(429, {"message": "slow down"}), QuotaEffect.TURNED_AWAY),
    ],
)
def test_what_an_answer_costs(response: WireResponse, cost: QuotaEffect) -> None:
    assert wire.observe(response, now=NOW).cost is cost


def test_a_refusal_with_rate_headers_lasts_until_the_window_ends() -> None:
    seen = wire.observe(answer(429, THROTTLED, **rate(30, 0, 77)), now=NOW)
    assert (seen.cost, seen.reading, seen.retry_after) == (QuotaEffect.REFUSED, None, 77.0)


def test_a_refusal_of_the_throttler_that_tells_no_time_lasts_a_window() -> None:
    assert wire.observe(answer(429, THROTTLED), now=NOW).retry_after == 3600.0
    assert wire.observe(answer(429, {"message": "slow down"}), now=NOW).retry_after is None


def test_the_servers_clock_is_read_from_the_date() -> None:
    seen = wire.observe(answer(200, {}, date="Fri, 15 Jan 2027 08:00:05 GMT"), now=NOW)
    assert seen.server_time == NOW + 5
    assert wire.observe(answer(200, {}, date="yesterday"), now=NOW).server_time is None


def test_every_recorded_create_is_observed_as_its_headers_say(answers: list[Recorded]) -> None:
    for recorded in answers:
        if recorded.method != "POST" or recorded.path != "/public/v1/posts":
            continue
        seen = wire.observe(recorded.response, now=NOW)
        limit = recorded.headers.get("x-ratelimit-limit", "NaN")
        if recorded.status == 429:
            assert seen.cost is QuotaEffect.REFUSED
            assert seen.retry_after == float(recorded.headers["retry-after"])
        elif math.isfinite(float(limit)):
            assert seen.reading is not None, recorded.name
            assert seen.reading.limit == int(limit)
            assert seen.reading.remaining == int(recorded.headers["x-ratelimit-remaining"])
        else:
            assert seen.reading is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(200, {}), None),
        (answer(400, {"msg": "x"}), None),
        (answer(401, {"msg": "x"}), None),
        (answer(401, b""), FailureKind.KEY_LOOKUP),
        (answer(429, b""), FailureKind.BUSY),
        (answer(502, b""), FailureKind.BUSY),
        (answer(504, b""), FailureKind.BUSY),
        (answer(500, b""), FailureKind.BROKEN),
    ],
)
def test_what_a_repetition_can_mend(response: WireResponse, expected: FailureKind | None) -> None:
    found = wire.transient(response)
    assert (found[0] if found else None) is expected


# ------------------------------------------------------------------ fuzz

_names = st.sampled_from(
    [
        "content-type",
        "date",
        "retry-after",
        "location",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ]
)
_values = (
    st.text(max_size=30)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.datetimes().map(lambda d: d.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    | st.sampled_from(["application/json", "text/html", "text/plain", "Mon, 0 X 0 99:99 +9999"])
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(["msg", "message", "error", "posts", "id", "publishDate", "url"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
_bodies = (
    st.binary(max_size=60)
    | _json.map(lambda value: json.dumps(value).encode("utf-8", "replace"))
    | st.just(json.dumps({"posts": [POST]}).encode())
).flatmap(lambda body: st.integers(0, len(body)).map(lambda cut: body[:cut]) | st.just(body))
_responses = st.builds(
    WireResponse, st.integers(100, 599), st.dictionaries(_names, _values, max_size=7), _bodies
)


@given(st.sampled_from(ENDPOINTS), _responses)
def test_nothing_but_the_errors_of_the_tree_comes_out_of_an_answer(
    endpoint: Endpoint[object], response: WireResponse
) -> None:
    with suppress(PostizError):
        wire.decode(endpoint, response)
    seen = wire.observe(response, now=NOW)
    assert seen.retry_after is None or 0 <= seen.retry_after <= 86_400
    if seen.reading is not None:
        assert 0 <= seen.reading.remaining <= seen.reading.limit
        assert 0 <= seen.reading.reset <= 86_400
    wire.transient(response)


@given(st.text(), st.sampled_from([wire.api_root, wire.clean_key]))
def test_no_setting_escapes_the_tree(text: str, read: Callable[[str], object]) -> None:
    with suppress(ConfigurationError):
        read(text)


@given(st.text(min_size=1))
def test_every_id_is_one_segment_or_refused(value: str) -> None:
    try:
        request = encode(Call(endpoints.DELETE_POST, params={"id": value}))
    except InvalidInputError:
        return
    segment = request.url.removeprefix("http://host/public/v1/posts/")
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segment)
    assert segment not in {".", ".."}
