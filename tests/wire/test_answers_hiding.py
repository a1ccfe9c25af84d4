"""Who answers in the place of Postiz, and what is said of that where Postiz has answered before."""

from __future__ import annotations

from typing import Any

import pytest
from gateways import FAILURES, FIREWALLS, PAGES, name, page, said

from postiz_async._wire import WireResponse, endpoints, hides, in_front, is_answer
from postiz_async._wire.endpoints import Endpoint

READS: list[Endpoint[Any]] = [endpoints.LIST_CHANNELS, endpoints.IS_CONNECTED]
OWN = [
    said(200, []),
    said(200, {"connected": True}),
    said(404, {"statusCode": 404, "message": "Cannot GET /public/v1/groups"}),
    said(500, {"statusCode": 500, "message": "Internal server error"}),
    WireResponse(401, {}, b""),
]
LIMITS = [page(403), page(413), page(429), said(403, "error code: 1020"), said(429, "slow down")]


@pytest.mark.parametrize(
    "response", [*FAILURES, *(page(s) for s in (200, 302, 401, 404))], ids=name
)
def test_a_page_in_the_place_of_a_list_hides_postiz(response: WireResponse) -> None:
    assert all(hides(each, response) for each in READS)


@pytest.mark.parametrize("response", [*OWN, *LIMITS], ids=name)
def test_its_own_words_and_limits_of_a_gateway_hide_nothing(response: WireResponse) -> None:
    assert not any(hides(each, response) for each in READS)


@pytest.mark.parametrize("response", PAGES, ids=name)
def test_whatever_is_no_answer_to_a_create_hides_postiz(response: WireResponse) -> None:
    assert hides(endpoints.CREATE_POST, response) != is_answer(response)


@pytest.mark.parametrize("response", FIREWALLS, ids=name)
def test_a_firewall_objects_to_one_create(response: WireResponse) -> None:
    assert not hides(endpoints.CREATE_POST, response)


@pytest.mark.parametrize("body", [b"", b"OK", b"{}"])
def test_a_success_that_needs_no_words_is_one(body: bytes) -> None:
    assert not hides(endpoints.DELETE_POST, WireResponse(200, {}, body))
    assert hides(endpoints.DELETE_POST, page(200))


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (page(200), "a page, 200, 'Maintenance'."),
        (page(302), "a redirect, 302, 'Maintenance'."),
        (said(200, "back\n soon"), "an answer, 200, 'back soon'."),
        (said(408, {"message": "wait"}), "an answer, 408, 'wait'."),
        (WireResponse(204, {}, b""), "an answer, 204."),
        (WireResponse(304, {}, b""), "a redirect, 304."),
    ],
)
def test_the_sentence_names_who_answers(response: WireResponse, text: str) -> None:
    assert in_front(response).message == f"Somebody in front of Postiz answers: {text}"


def test_a_gateway_that_wants_to_know_who_asks_says_how() -> None:
    assert "POSTIZ_HEADERS" in in_front(page(401)).hint
