"""Calls to HTTP requests, HTTP responses to values, readings or errors. PURE.

The only place that knows the API's JSON and header names.
"""

from postiz_async._wire.address import CLOUD_URL, api_root, clean_key, origin_of
from postiz_async._wire.proof import is_refusal, proves_nothing_stored
from postiz_async._wire.rate_headers import Observation, QuotaEffect, observe
from postiz_async._wire.requests import (
    POST_YEARS,
    WireRequest,
    WireResponse,
    check_id,
    encode,
    encode_body,
    format_date,
    own_headers,
)
from postiz_async._wire.responses import (
    LONG,
    decode,
    decoding,
    failure,
    lacks_route,
    parse_date,
    transient,
)
from postiz_async._wire.secrets import Secret

__all__ = [
    "CLOUD_URL",
    "LONG",
    "POST_YEARS",
    "Observation",
    "QuotaEffect",
    "Secret",
    "WireRequest",
    "WireResponse",
    "api_root",
    "check_id",
    "clean_key",
    "decode",
    "decoding",
    "encode",
    "encode_body",
    "failure",
    "format_date",
    "is_refusal",
    "lacks_route",
    "observe",
    "origin_of",
    "own_headers",
    "parse_date",
    "proves_nothing_stored",
    "transient",
]
