"""Calls to HTTP requests, HTTP responses to values, readings or errors. PURE.

The only place that knows the API's JSON and header names.
"""

from postiz_async._wire.address import CLOUD_URL, api_root, clean_key
from postiz_async._wire.rate_headers import Observation, QuotaEffect, observe
from postiz_async._wire.requests import WireRequest, WireResponse, encode, encode_body, format_date
from postiz_async._wire.responses import decode, failure, lacks_route, parse_date, transient
from postiz_async._wire.secrets import Secret

__all__ = [
    "CLOUD_URL",
    "Observation",
    "QuotaEffect",
    "Secret",
    "WireRequest",
    "WireResponse",
    "api_root",
    "clean_key",
    "decode",
    "encode",
    "encode_body",
    "failure",
    "format_date",
    "lacks_route",
    "observe",
    "parse_date",
    "transient",
]
