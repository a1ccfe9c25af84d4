"""Find out why a connection does not work: base URL, key, clock, server release.

Only free routes are asked, and nothing is changed on the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from postiz_async import _wire as wire
from postiz_async._transport import Transport, make_transport
from postiz_async._transport.faults import DOCTOR
from postiz_async._transport.settings import ConnectionSettings, headers_of_environment
from postiz_async._wire import WireResponse, endpoints
from postiz_async._wire.endpoints import Call, Endpoint
from postiz_async._wire.gateways import demand_of
from postiz_async._wire.headers import Headers, checked_headers
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.clock import Clock, SystemClock
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    PostizError,
)
from postiz_async.models._durations import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext


__all__ = ["CheckResult", "CheckStatus", "examine"]

T = TypeVar("T")

MAX_SKEW = 60.0
"""Largest difference in seconds between our clock and the server's that causes no warning."""

_AGES: tuple[tuple[Endpoint[object], str], ...] = tuple(
    (endpoint, endpoint.since)
    for endpoint in endpoints.ENDPOINTS
    if endpoint.name in {"list_groups", "get_missing_content", "list_notifications"}
)


class CheckStatus(StrEnum):
    """The severity of a result."""

    FINE = "fine"
    WARNING = "warning"
    WRONG = "wrong"


FINE, WARNING, WRONG = CheckStatus


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check, and what to change if it is not fine."""

    subject: str
    status: CheckStatus
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class _Patient:
    transport: Transport
    clock: Clock
    root: str
    key: Secret
    headers: Headers

    async def ask(self, endpoint: Endpoint[T], **params: str) -> WireResponse:
        request = wire.encode(
            Call(endpoint, params=params),
            root=self.root,
            headers=wire.own_headers(self.key, "postiz-async doctor") + self.headers,
            timeout=10.0,
        )
        return await self.transport.send(request)


def candidates(base_url: str) -> list[str]:
    """The possible roots of the API for a `base_url`, the one as written first."""
    root = wire.api_root(base_url)
    parts = urlsplit(root)
    host = f"{parts.scheme}://{parts.netloc}"
    others = [f"{host}/public/v1", f"{host}/api/public/v1"]
    if f".{parts.hostname}".endswith(".postiz.com"):  # whole labels, as the key is sent there
        others = [wire.api_root(wire.CLOUD_URL)]
    return list(dict.fromkeys([root, *others]))


async def examine(
    *,
    api_key: str | Secret,
    base_url: str,
    headers: Mapping[str, str | Secret] | None = None,
    ssl: SSLContext | None = None,
    proxy: str | Secret | None = None,
    clock: Clock | None = None,
    transport: Transport | None = None,
) -> list[CheckResult]:
    """Check everything that usually goes wrong. Sends no create.

        for each in await examine(api_key=key, base_url="https://postiz.example.com"):
            print(each.status, each.subject, each.text, each.advice)

    Args:
        api_key: the key as it was given, with its mistakes.
        base_url: the base URL as it was given.
        headers: as for `Postiz`; only sent to the server of `base_url`.
        ssl: as for `Postiz`.
        proxy: as for `Postiz`.
        clock: the clock that is compared with the server's; None: the machine's.
        transport: another transport, for tests. It stays open.

    Raises:
        ConfigurationError: there is no key at all, or the URL is no web address.
    """
    api_key, proxy = Secret.of(api_key), hidden(proxy)
    headers = headers_of_environment(headers)
    settings = ConnectionSettings.checked(ssl=ssl, proxy=proxy, has_transport=transport is not None)
    way = transport or make_transport(settings)
    try:
        return await _findings(
            way, clock or SystemClock(), api_key, base_url, checked_headers(headers)
        )
    finally:
        if transport is None:
            await way.aclose()


async def _findings(
    transport: Transport, clock: Clock, api_key: Secret, base_url: str, headers: Headers
) -> list[CheckResult]:
    key = wire.clean_key(api_key)
    findings = [_key_form(api_key, key)]
    origin = wire.origin_of(wire.api_root(base_url))
    here: _Patient | None = None
    unreached = ""
    for number, root in enumerate(candidates(base_url)):
        there = wire.origin_of(root)
        if there == unreached:
            continue  # it fails for the same reason
        patient = _Patient(transport, clock, root, key, headers if there == origin else ())
        finding, is_api, response = await _address(patient, is_given=number == 0)
        unreached = "" if response is not None or finding.status is FINE else there
        findings.append(finding)
        if is_api and response is not None:
            here = patient
            findings.extend([_key_accepted(response), _skew(response, clock)])
            break
    if here is None and unreached:
        return findings  # the reason is reported, and is not the address
    if here is None:
        is_told = any(each.advice for each in findings if each.subject.startswith("address"))
        advice = "" if is_told else "Open the address in a browser: it has to be your Postiz."
        findings.append(CheckResult("API", WRONG, "found at none of these addresses", advice))
    elif findings[-2].status is FINE:
        try:
            findings.append(await _age(here))
        except APIConnectionError as broken:
            findings.append(CheckResult("server", WRONG, broken.message))
    return findings


def _key_form(given: Secret, key: Secret) -> CheckResult:
    kind = key.reveal()[:4]
    if kind in {"pca_", "pcs_"}:
        what = "client id" if kind == "pca_" else "client secret"
        advice = "An OAuth application needs an access token (pos_...), which an exchange returns."
        return CheckResult("key form", WRONG, f"this is the {what} of an application", advice)
    if given.reveal().strip()[:7].lower() == "bearer ":
        text = "begins with Bearer, which this client removes"
        return CheckResult("key form", WARNING, text, "Postiz wants the bare key.")
    what = "an OAuth access token" if kind == "pos_" else "an organisation's API key"
    return CheckResult("key form", FINE, f"looks like {what}")


async def _address(
    patient: _Patient, *, is_given: bool
) -> tuple[CheckResult, bool, WireResponse | None]:
    subject = f"address {patient.root}"

    def wrong(text: str, advice: str = "") -> tuple[CheckResult, bool, WireResponse | None]:
        return CheckResult(subject, WRONG, text, advice), False, response

    response: WireResponse | None = None
    try:
        response = await patient.ask(endpoints.IS_CONNECTED)
    except APIConnectionError as broken:
        return wrong(broken.message, "" if broken.hint == DOCTOR else broken.hint)
    text, advice = _trouble(response)
    if text:
        return wrong(text, advice)
    if is_given:
        return CheckResult(subject, FINE, "answers as the API"), True, response
    advice = f"Set POSTIZ_API_URL={patient.root.removesuffix('/public/v1')}"
    return CheckResult(subject, WARNING, "here is the API", advice), True, response


def _trouble(response: WireResponse) -> tuple[str, str]:
    """Why an answer is not the API's, and what to do about it; empty texts if it is."""
    wanted = demand_of(response)
    if wanted is not None and wanted.what:
        return f"{response.status}: {wanted.what}", wanted.advice
    try:
        wire.decode(endpoints.IS_CONNECTED, response)
    except AuthenticationError:
        pass  # it is the API that says so
    except ConfigurationError as error:
        what, _, advice = str(error).partition(". ")
        if response.status == 304:
            return f"{what}.", advice
        return f"{what}.", "" if wanted is None else wanted.advice
    except APIResponseValidationError:
        return "answers, but not as Postiz does", "Is Postiz at this address and port?"
    except NotFoundError as error:
        since = endpoints.IS_CONNECTED.since
        return f"404: {error.text} (wrong path, or a server older than {since})", ""
    except APIStatusError as error:
        return f"{error.status_code}: {error.text}", error.hint
    except PostizError as error:
        return str(error), ""
    return "", ""


def _key_accepted(response: WireResponse) -> CheckResult:
    try:
        is_accepted = wire.decode(endpoints.IS_CONNECTED, response).connected
    except AuthenticationError as error:
        return CheckResult("key", WRONG, f"refused: {error.text}", error.hint)
    if not is_accepted:
        return CheckResult("key", WRONG, "the server says that it is not connected")
    return CheckResult("key", FINE, "accepted")


def _skew(response: WireResponse, clock: Clock) -> CheckResult:
    server_time = wire.observe(response, now=clock.time()).server_time
    if server_time is None:
        return CheckResult("clock", WARNING, "the server does not send its time")
    skew = server_time - clock.time()
    if abs(skew) <= MAX_SKEW:
        return CheckResult("clock", FINE, f"within {max(1, round(abs(skew)))} s of the server's")
    how = "ahead of" if skew > 0 else "behind"
    text = f"the server's clock is {describe_seconds(abs(skew))} {how} yours"
    return CheckResult("clock", WARNING, text, "Let both set their clocks from the network.")


async def _age(patient: _Patient) -> CheckResult:
    """The result for the server's release, estimated from the routes that it has."""
    at_least = "v1.62.0"
    too_new: list[str] = []
    throttles_reads = False
    for endpoint, since in _AGES:
        params = {"id": "doctor"} if "{id}" in endpoint.path else {}
        response = await patient.ask(endpoint, **params)
        error = wire.failure(response)
        if wire.lacks_route(error):
            too_new.append(since)
            continue
        throttles_reads |= wire.observe(response, now=patient.clock.time()).reading is not None
        at_least = max(at_least, since, key=_release)
    older = f", older than {min(too_new, key=_release)}" if too_new else ""
    text = f"Postiz {at_least} or newer{older}"
    if throttles_reads:
        return CheckResult(
            "server",
            WARNING,
            f"{text}; it limits reads too",
            "Update Postiz: since v2.19.0 only create requests are limited.",
        )
    return CheckResult("server", FINE, text)


def _release(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.lstrip("v").split("."))
