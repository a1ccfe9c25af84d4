"""Convert calls to HTTP requests, and HTTP responses to values or errors. PURE.

The only place that knows the API's JSON and header names.
"""

# pyright: reportUnusedImport=false

from postiz_async._wire.address import CLOUD_URL, api_root, clean_key, origin_of
from postiz_async._wire.answers import (
    JSON,
    Observation,
    QuotaEffect,
    hides,
    is_answer,
    is_refusal,
    observe,
    proves_nothing_stored,
)
from postiz_async._wire.headers import (
    Headers,
    HiddenText,
    checked_headers,
    headers_in,
    merged_headers,
)
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
    in_front,
    lacks_route,
    parse_date,
    transient,
)
from postiz_async._wire.scopes import SCOPES, Allowed, checked_allow, require, scope_of
