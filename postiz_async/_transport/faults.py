"""Explain faults below HTTP: what happened, where the cause is, and what to do."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import aiohttp
from yarl import URL

from postiz_async._wire import WireRequest
from postiz_async._wire.proxies import Proxy
from postiz_async._wire.secrets import Secret, bare, redact_text
from postiz_async.errors import APIConnectionError, APITimeoutError, Delivery
from postiz_async.models._durations import in_seconds

CONNECT_TIMEOUT = 10.0
"""Seconds allowed for making a connection."""

DOCTOR = "`postiz-async doctor` looks for the cause."


class BrokenError(aiohttp.ClientError):
    """The connection broke after it was made."""


class Explanation(NamedTuple):
    """What happened, whether bytes went out, and what to do.

    `doubts_address`: the hint guesses that the address or the way there is wrong.
    """

    text: str
    delivery: Delivery
    hint: str = DOCTOR
    doubts_address: bool = False


def connection_error(
    request: WireRequest,
    cause: Exception,
    secrets: Sequence[Secret],
    proxy: Proxy | None,
    *,
    has_answered: bool,
) -> APIConnectionError:
    """The error to raise for a fault.

    Args:
        request: the request that was to be sent.
        cause: the error of aiohttp or of the operating system.
        secrets: the secrets to remove from the error.
        proxy: the proxy in use, if any.
        has_answered: whether the server has answered at this address before.
    """
    fault = _fault(request, cause, proxy)
    hint = _RESTARTED if has_answered and fault.doubts_address else fault.hint
    is_late = isinstance(cause, (TimeoutError, aiohttp.ConnectionTimeoutError))
    kind = APITimeoutError if is_late else APIConnectionError
    error = kind(redact_text(fault.text, secrets), delivery=fault.delivery, hint=hint)
    below = cause.__cause__ if isinstance(cause, BrokenError) else None
    error.__cause__ = bare(below or cause, secrets)
    return error


def _fault(request: WireRequest, cause: Exception, proxy: Proxy | None) -> Explanation:
    host = host_of(request)
    in_handshake = _tls_fault(host, cause, proxy)
    if in_handshake is not None:
        return in_handshake
    by = f" by the proxy {proxy.url} ({proxy.source})" if proxy is not None else ""
    match cause:
        case aiohttp.ConnectionTimeoutError():
            text = f"No connection to {host}{by} within {CONNECT_TIMEOUT:g} s."
            return Explanation(text, Delivery.NOT_SENT, _unreached(proxy), doubts_address=True)
        case TimeoutError():
            within = f" within {in_seconds(request.timeout)}" if request.timeout else ""
            return Explanation(f"{host} did not answer{by}{within}.", Delivery.UNKNOWN)
        case aiohttp.ClientConnectorError() if _is_of_proxy(host, cause, proxy):
            return _no_proxy(host, cause, proxy)
        case aiohttp.ClientConnectorError():
            return _no_server(host, cause, proxy)
        case aiohttp.ClientHttpProxyError():
            return _proxy_refused(host, cause.status, cause.message)
        case aiohttp.InvalidURL():
            return Explanation(f"{host} is not a server name.", Delivery.NOT_SENT)
        case _:
            return _broken(host, cause.__cause__ or cause, proxy, by)


_RESTARTED = "It has answered before: is it being restarted?"
_OUTSIDE = (
    "Else this machine is not in the network that knows it, or the way there is by a proxy "
    "(POSTIZ_PROXY, proxy=)."
)


def _unreached(proxy: Proxy | None) -> str:
    return f"Is it up, and its port right? {_OUTSIDE}" if proxy is None else DOCTOR


def _no_server(host: str, cause: aiohttp.ClientConnectorError, proxy: Proxy | None) -> Explanation:
    if isinstance(cause.os_error, socket.gaierror):
        text = f"No connection to {host}: its name is not known here ({_words(cause)})."
        hint = f"Is the name right? {_OUTSIDE}"
        return Explanation(text, Delivery.NOT_SENT, hint, doubts_address=True)
    text = f"No connection to {host}: {_words(cause)}."
    return Explanation(text, Delivery.NOT_SENT, _unreached(proxy), doubts_address=True)


def _words(cause: aiohttp.ClientConnectorError) -> str:
    """The operating system's message, without the address that asyncio adds."""
    words, number = cause.strerror or str(cause), cause.os_error.errno
    return os.strerror(number) if number and "Connect call failed" in words else words


def _broken(host: str, cause: BaseException, proxy: Proxy | None, by: str) -> Explanation:
    what = type(cause).__name__
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        what = "it was closed without one"
    elif isinstance(cause, OSError) and cause.strerror:
        what = cause.strerror
    text = f"The connection to {host}{by} broke before the answer: {what}."
    if not isinstance(cause, (aiohttp.ServerDisconnectedError, OSError)):
        return Explanation(text, Delivery.UNKNOWN)
    if proxy is not None:
        likely = "the address of the proxy is wrong: http:// where it wants https://, or its port."
    elif host.startswith("https:"):
        likely = "the server wants a client certificate (ssl= with a context that has it)."
    else:
        likely = f"the server wants TLS: {host.replace('http', 'https', 1)}"
    hint = f"If this happens each time, probably {likely}"
    return Explanation(text, Delivery.UNKNOWN, hint, doubts_address=True)


def host_of(request: WireRequest) -> str:
    """Scheme, host and port, as the base URL has them."""
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _place(host: str) -> tuple[str | None, int | None]:
    """Host and port of a server."""
    url = URL(host)
    return url.host, url.port


# ------------------------------------------------------------------ TLS

_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
"""The errors with which releases of OpenSSL report an answer in plain HTTP."""

_CLOCK = "Or the clock of this machine or of the server is wrong."
_NAME = "Use the name that the certificate is for, or get a certificate for this one."
_AUTHORITY = (
    "If the authority is your organisation's own, or that of a proxy which looks into TLS, trust "
    "it: SSL_CERT_FILE=ca.pem, or ssl=ssl.create_default_context(cafile='ca.pem')."
)
_CERTIFICATES = {
    9: _CLOCK,
    10: f"Whoever runs the server has to renew it. {_CLOCK}",
    23: "Do not send anything there; whoever runs the server has to replace it.",
    62: _NAME,
    64: _NAME,
}
"""What to do about a certificate that is not trusted, by the code of OpenSSL."""


def _tls_fault(host: str, cause: Exception, proxy: Proxy | None) -> Explanation | None:
    """Why a TLS handshake failed, before the server read anything of the request."""
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        of_proxy = proxy is not None and _is_of_proxy(host, cause, proxy)
        whose = f"the proxy {proxy.url}" if proxy is not None and of_proxy else host
        return _certificate(whose, cause.certificate_error)
    if isinstance(cause, aiohttp.ClientConnectorSSLError) and _speaks_no_tls(cause):
        of_proxy = proxy is not None and _is_of_proxy(host, cause, proxy)
        url = proxy.url if proxy is not None and of_proxy else host
        whose, what = (f"the proxy {url}", "it") if of_proxy else (url, "the server there")
        hint = f"If that is intended, use {url.replace('https', 'http', 1)}"
        text = f"No connection to {whose}: {what} does not use TLS."
        return Explanation(text, Delivery.NOT_SENT, hint)
    if isinstance(cause, aiohttp.ClientConnectorError) and _is_cut_off(cause):
        text = f"No connection to {host}: {_BROKEN_OFF}."
        return Explanation(text, Delivery.NOT_SENT, _OWN_CERTIFICATE, doubts_address=True)
    alert = _tls_alert(cause)
    return None if alert is None else alert._replace(text=f"No connection to {host}: {alert.text}")


def _certificate(whose: str, error: Exception) -> Explanation:
    words = getattr(error, "verify_message", "") or str(error)
    hint = _CERTIFICATES.get(getattr(error, "verify_code", 0), _AUTHORITY)
    text = f"No connection to {whose}: its certificate is not trusted ({words.rstrip('.')})."
    return Explanation(text, Delivery.NOT_SENT, hint)


_BROKEN_OFF = "the server broke off the TLS handshake"
_OWN_CERTIFICATE = (
    "Mostly it wants a client certificate: a program gives it in the context that ssl= takes, and "
    "whoever runs the server has it."
)


def _tls_alert(cause: BaseException) -> Explanation | None:
    """The alert with which a server ended a handshake, before it read the request."""
    for each in _chain(cause):
        reason = getattr(each, "reason", None)
        if isinstance(reason, str) and "_ALERT_" in reason:
            alert = reason.partition("_ALERT_")[2].lower().replace("_", " ")
            return Explanation(f"{_BROKEN_OFF} ({alert}).", Delivery.NOT_SENT, _OWN_CERTIFICATE)
    return None


def _speaks_no_tls(cause: BaseException) -> bool:
    error = cause.__cause__
    return isinstance(error, ssl.SSLError) and error.reason in _NO_TLS


def _is_cut_off(cause: aiohttp.ClientConnectorError) -> bool:
    """Whether the connection was made, but ended before its handshake did."""
    error = cause.os_error
    return bool(cause.ssl) and isinstance(error, ConnectionResetError) and error.errno is None


def _chain(cause: BaseException | None) -> Iterator[BaseException]:
    links = 0
    while cause is not None and links < 8:
        yield cause
        if isinstance(cause, aiohttp.ClientConnectorError):
            yield cause.os_error
        cause, links = cause.__cause__ or cause.__context__, links + 1


# ------------------------------------------------------------------ proxies


def _is_of_proxy(host: str, cause: aiohttp.ClientConnectorError, proxy: Proxy | None) -> bool:
    if isinstance(cause, aiohttp.ClientProxyConnectionError):
        return True
    return proxy is not None and (cause.host, cause.port) != _place(host)


def _no_proxy(host: str, cause: aiohttp.ClientConnectorError, proxy: Proxy | None) -> Explanation:
    place = f"the proxy {proxy.url} ({proxy.source})" if proxy is not None else "the proxy"
    text = f"No connection to {place} on the way to {host}"
    if isinstance(cause.os_error, socket.gaierror):
        hint = "Is its name right? Else this machine is not in the network that knows it."
        text += ": its name is not known here."
        return Explanation(text, Delivery.NOT_SENT, hint, doubts_address=True)
    hint = "Is it up, and its port right?"
    if proxy is not None and proxy.obeys_no_proxy:
        hint += " A server that needs no proxy belongs in NO_PROXY."
    text += f": {_words(cause)}."
    return Explanation(text, Delivery.NOT_SENT, hint, doubts_address=True)


_PROXY_HINTS = {
    403: "The proxy does not let this host or port through: ask whoever runs it to allow it.",
    405: "It is not a proxy for TLS, or not a proxy at all: is its address right?",
    407: (
        "It wants another user or password: http://user:password@host:port, in which all but "
        "letters, digits and -._~ is written as %XX."
    ),
    502: "The proxy cannot reach the server: is the base URL right, as the proxy sees it?",
    503: "The proxy cannot reach the server: is the base URL right, as the proxy sees it?",
    504: "The proxy cannot reach the server: is the base URL right, as the proxy sees it?",
}


def _proxy_refused(host: str, status: int, words: str) -> Explanation:
    hint = _PROXY_HINTS.get(status, DOCTOR)
    text = f"The proxy on the way to {host} refused: {status} {words}.".replace(" .", ".")
    return Explanation(text, Delivery.NOT_SENT, hint)
