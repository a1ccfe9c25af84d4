"""Faults: what goes wrong between a client and a server, on demand.

=============== ======== ============== ====================================================
kind            counted  work done      what the client sees
=============== ======== ============== ====================================================
drop_answer     yes      at once        the connection breaks
hang            later    later          nothing for `delay` seconds, then the answer
late_work       yes      later          nothing for `delay` seconds, then the answer
late_answer     yes      at once        nothing for `delay` seconds, then the answer
reset           no       no             the connection breaks at once
error_before    if 500   no             500 from the server; for another `status`, a proxy's page
error_after     yes      at once        the same, in the place of the answer
stop            yes      `after_items`  500 from the server
empty_401       no       no             401 without a body, as when the key look-up fails
html            no       no             200 and a page instead of JSON
strip_headers   yes      at once        the answer without its X-RateLimit headers
=============== ======== ============== ====================================================

A client that gives up during a delay does not stop the work.

`Fault.parse` reads a fault in the form of the command line.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal, get_args

import msgspec

from postiz_async._sandbox import refusals
from postiz_async._sandbox.messages import ConnectionLost, Response
from postiz_async._sandbox.refusals import HttpError
from postiz_async._wire.endpoints import ENDPOINTS
from postiz_async.clock import Clock

FaultKind = Literal[
    "drop_answer",
    "hang",
    "late_work",
    "late_answer",
    "reset",
    "error_before",
    "error_after",
    "stop",
    "empty_401",
    "html",
    "strip_headers",
]
"""What goes wrong."""

FAULT_KINDS = get_args(FaultKind)

_OAUTH = ("oauth_describe", "oauth_authorize", "oauth_register")
ROUTE_NAMES = (*(each.name for each in ENDPOINTS), *_OAUTH)
"""The names of the operations of the API, and of those that connect an application."""

_OF_THE_SERVER = 500
_FIRST_REDIRECT, _AFTER_REDIRECTS = 300, 400
_RATE_HEADERS = "x-ratelimit-"
_PAGE = b"<html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one kind, and when it happens.

    Attributes:
        kind: What happens: one of the kinds in the [table](../sandbox.md#faults).
        route: Name of the operation, as `create_post`; None for all.
        times: How often it strikes before it is used up; None for ever.
        probability: Chance to strike at a request that fits.
        delay: Seconds that late things are late.
        status: Status of an error: 500 is the server's own, any other is that of a proxy's page,
            also 200 and 302.
        after_items: Posts that are stored before a stop.
        half: A stop also stores the next post, without its comments and its publishing job.
    """

    kind: FaultKind
    _: KW_ONLY
    route: str | None = None
    times: int | None = 1
    probability: float = 1.0
    delay: float = 0.0
    status: int = 500
    after_items: int = 0
    half: bool = False

    def __post_init__(self) -> None:
        _check_word("kind", self.kind, FAULT_KINDS)
        if self.route is not None:
            _check_word("route", self.route, ROUTE_NAMES)
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is at least 1, or None for ever, not {self.times}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability is between 0 and 1, not {self.probability}")
        if not self.delay >= 0:
            raise ValueError(f"delay is at least 0 seconds, not {self.delay}")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault in the form of the command line: `drop_answer:20%:route=create_post`.

        The kind, then in any order, with colons between: a percentage, how likely it strikes a
        request that fits; `half`; and `route=`, `times=`, `delay=`, `status=`, `after_items=`.
        Without `times=` it strikes for ever.

        Args:
            text: The fault as text.

        Raises:
            ValueError: It cannot be read; the text says why.
        """
        kind, *words = text.split(":")
        _check_word("kind", kind, FAULT_KINDS)
        given: dict[str, object] = {"kind": kind, "times": None}
        for word in words:
            name, is_named, value = word.partition("=")
            if word.endswith("%"):
                given["probability"] = _percent(word)
            elif is_named and name in _NAMES:
                given[name] = value
            elif word == "half":
                given["half"] = True
            else:
                raise ValueError(f"{word!r} is not known; say 20%, half or {_KNOWN}")
        try:
            return msgspec.convert(given, Fault, strict=False)
        except msgspec.ValidationError as error:
            of_type, _, name = str(error).rstrip("`").partition(" - at `$.")
            if not name:
                raise ValueError(of_type) from error
            kind = "a whole number" if "`int" in of_type else "a number"
            raise ValueError(f"{name} is {kind}, not {given[name]!r}") from error


_NAMES = ("route", "times", "delay", "status", "after_items")
_KNOWN = " ".join(f"{name}=" for name in _NAMES)


def _check_word(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"there is no {what} {word!r}; say {', '.join(known)}")


def _percent(word: str) -> float:
    percent = float(word[:-1])
    if not 0 <= percent <= 100:
        raise ValueError(f"{word} is not a probability; say 0% to 100%")
    return percent / 100


class Faults:
    """The faults that are set up. At most one happens to a request: the first that fits.

    Attributes:
        struck: How often each kind struck.
    """

    def __init__(self, rng: random.Random) -> None:
        self.struck: Counter[str] = Counter()
        self._rng = rng
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Set up a fault, after those that are set up already.

        Args:
            fault: What goes wrong, and when.
        """
        self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Remove all faults."""
        self._left.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults that are not used up."""
        return tuple(fault for fault, _ in self._left)

    def draw(self, route: str) -> Fault | None:
        """The fault that happens to the next request to this route, or None.

        It is for other parts of this package.

        Args:
            route: Name of the operation.
        """
        for place, (fault, left) in enumerate(self._left):
            if fault.route not in {None, route} or self._rng.random() >= fault.probability:
                continue
            if left is not None:
                self._left[place : place + 1] = [(fault, left - 1)] if left > 1 else []
            self.struck[fault.kind] += 1
            return fault
        return None


async def before_authentication(fault: Fault, clock: Clock) -> None:
    """Apply a fault before the server checks the key."""
    if fault.kind == "hang":
        await clock.sleep(fault.delay)
    elif fault.kind == "reset":
        raise ConnectionLost("reset before the work")
    elif fault.kind == "error_before" and fault.status != _OF_THE_SERVER:
        raise HttpError(_page(fault.status))
    elif fault.kind == "empty_401":
        raise refusals.key_lookup_failed()
    elif fault.kind == "html":
        raise HttpError(_page(200))


async def before_handler(fault: Fault, clock: Clock) -> None:
    """Apply a fault after the request is counted and before any work is done."""
    if fault.kind == "late_work":
        await clock.sleep(fault.delay)
    elif fault.kind == "error_before":
        raise refusals.internal_error()


async def after_handler(fault: Fault, clock: Clock, response: Response) -> Response:
    """Apply a fault after the work is done; returns the answer to send."""
    if fault.kind == "drop_answer":
        raise ConnectionLost("the answer was lost")
    if fault.kind == "late_answer":
        await clock.sleep(fault.delay)
    elif fault.kind == "error_after":
        if fault.status != _OF_THE_SERVER:
            return _page(fault.status)
        return refusals.internal_error().response.with_first(_rate_headers(response))
    elif fault.kind == "strip_headers":
        rate_headers = _rate_headers(response)
        headers = tuple(each for each in response.headers if each not in rate_headers)
        return replace(response, headers=headers)
    return response


def _rate_headers(response: Response) -> tuple[tuple[str, str], ...]:
    return tuple(each for each in response.headers if each[0].lower().startswith(_RATE_HEADERS))


def _page(status: int) -> Response:
    headers = [("Content-Type", "text/html; charset=utf-8")]
    if _FIRST_REDIRECT <= status < _AFTER_REDIRECTS:
        headers.append(("Location", "/maintenance.html"))
    return Response(status, tuple(headers), _PAGE)
