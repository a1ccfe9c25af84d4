"""Calls to HTTP requests, HTTP responses to values, readings or errors. PURE.

The only place that knows the API's JSON and header names.
"""

from postiz_async._wire.address import (
    CLOUD_URL as CLOUD_URL,
    api_root as api_root,
    clean_key as clean_key,
    origin_of as origin_of,
)
from postiz_async._wire.headers import (
    Headers as Headers,
    HiddenText as HiddenText,
    checked_headers as checked_headers,
    headers_in as headers_in,
    merged_headers as merged_headers,
)
from postiz_async._wire.proof import (
    is_refusal as is_refusal,
    proves_nothing_stored as proves_nothing_stored,
)
from postiz_async._wire.rate_headers import (
    Observation as Observation,
    QuotaEffect as QuotaEffect,
    observe as observe,
)
from postiz_async._wire.requests import (
    POST_YEARS as POST_YEARS,
    WireRequest as WireRequest,
    WireResponse as WireResponse,
    check_id as check_id,
    encode as encode,
    encode_body as encode_body,
    format_date as format_date,
    own_headers as own_headers,
)
from postiz_async._wire.responses import (
    LONG as LONG,
    decode as decode,
    decoding as decoding,
    failure as failure,
    lacks_route as lacks_route,
    parse_date as parse_date,
    transient as transient,
)
from postiz_async._wire.secrets import (
    Secret as Secret,
)
