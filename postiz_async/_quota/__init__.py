"""The window ledger: how many creates may leave now, and if none, when. PURE.

What the server does
    It counts the create-post requests of one organisation in a window of one hour that starts
    with the first request, whoever sent it. Request number ``limit + 1`` does not merely fail:
    it locks the whole organisation out for one hour from that moment. Requests during the
    lock-out are refused and still counted, in the window that runs then, so a client that
    retries often enough is locked out for ever. Refusals by validation are counted like
    successes. Older servers keep a sliding log of hits in their memory instead.

What the server tells
    Each counted answer carries the limit, what remains of it, and the seconds (rounded up) to
    the end of the window. A refusal carries only the seconds to the end of the lock-out. Reads
    carry nothing, so there is no free look.

What it does not tell
    When the window started, who else used it, and whether a request whose answer was lost was
    counted.

What follows
    The ledger mirrors the server's window from the headers and never infers what can be read.
    When it knows nothing (start, new window, after a lock-out) one real call goes alone and
    reads the counter. A call whose answer is lost counts as spent until a later reading must
    have included it. At ``remaining == 0`` nothing leaves until the window is over plus a
    margin: a call too many costs an hour, a second of waiting costs a second.

The laws of this package
    No clock, no I/O, no HTTP. Time is an argument, in seconds of a monotonic clock. The state
    is one frozen value; each event is a function from state to state; `decide` asks and changes
    nothing. A reservation ends in exactly one way: `released` (proved not sent or not counted),
    `answered`, `unread` (counted, no headers), `refused`, or `lost`.
"""

from __future__ import annotations

from postiz_async._quota.decisions import decide, forecast, forecasts, free_slots, outlook
from postiz_async._quota.state import (
    BELIEVED_LIMIT,
    MARGIN,
    SETTLE,
    SILENT,
    WINDOW,
    Flight,
    Grant,
    Ledger,
    LoggedCall,
    Outlook,
    RateHeaders,
    Wait,
    WaitReason,
)
from postiz_async._quota.transitions import (
    answered,
    expire,
    lost,
    refused,
    released,
    reserve,
    set_back,
    unread,
)

__all__ = [
    "BELIEVED_LIMIT",
    "MARGIN",
    "SETTLE",
    "SILENT",
    "WINDOW",
    "Flight",
    "Grant",
    "Ledger",
    "LoggedCall",
    "Outlook",
    "RateHeaders",
    "Wait",
    "WaitReason",
    "answered",
    "decide",
    "expire",
    "forecast",
    "forecasts",
    "free_slots",
    "lost",
    "outlook",
    "refused",
    "released",
    "reserve",
    "set_back",
    "unread",
]
