"""A ledger of the quota: how many creates may leave now, and if none, when the next may. PURE.

What the server does
    It counts the create-post requests of one organisation in a window of one hour that starts
    with the first request, whoever sent it. Request number ``limit + 1`` does not merely fail:
    it locks the whole organisation out for one hour from that moment. Requests during the
    lock-out are refused and still counted, in the window that runs then, so a client that
    retries often enough is locked out for ever. Refusals by validation are counted like
    successes. Older servers keep a sliding log of hits in their memory instead.

What the server tells Each counted answer carries the limit, what remains of it, and the seconds
(rounded up) to the end of the window. A refusal carries only the seconds to the end of the
lock-out. Reads carry nothing, so there is no free look. The server does not tell when the window
started, who else used it, or whether it counted a request whose answer was lost.

What follows The ledger mirrors the server's window from the headers and never infers a number that
it can read. When it knows nothing (start, new window, after a lock-out) one real call goes alone
and reads the counter. A call whose answer is lost counts as spent until a later reading must have
included it. At ``remaining == 0`` nothing leaves until the window is over plus a
    margin: a call too many costs an hour, a second of waiting costs a second.

A window of the server, beside others::

    0 min                                                             60 min
    |P##############................................R............####o|P####
     |'-- burst ---''------------- held -----------'|            '-.-'|'- the next one
     one call reads                         one call reads,    release, beside others
     the counter                            90 s before     the last two in the last second

    Holding costs nothing in a window, for what is held is let go before it closes: 8 seconds
    before the end beside others, so that they have had their time; 12 where interactive calls
    come; 38 alone, where it is worth knowing what became of a call that was lost.

Without a window to go by (a sliding log, or answers without headers or with ones that stand still)
    Slots come back one by one, an hour after each call, so a slot that is held is lost. Bulk
    holds nothing unless interactive calls or others were seen. Then it goes from the very moment on
    at which the slots that come back keep up with those who may come; with more certainty where
    both come, because people wait for the end of a lock-out.

What bulk holds
    *Reserved* for interactive calls is what ``reserve=`` says, in every mode, 0 as well; if it
    says nothing, a tenth of a window and what experience asks for, beside a long job more.
    *Left* to other clients is what they are likely to use until the window ends, and at least
    as many as came at once within two days. The rest of a job is not held up for them when it
    fits into what is free.

What is learnt
    - How often others come: hits between our readings, over the hours in which they would have
      been seen; older windows count less. Beside others a call reads before the next reading
      could be the call too many: a client that does not read learns nothing and expects the worst.
    - That many come at once: a window that was used before we looked, a lock-out by
      others. It is forgotten if a lower limit explains the lock-out.
    - That somebody bursts as we do, such as a process of ours that shares no store.
    - That somebody went over: for two days the last slot stays.
    - That an answer left more than there was: our own count bounds what answers tell, until
      they have agreed with it for a window.
    - That answers do not count our calls: they leave the whole limit, or the same five times.
    - That others exceed the limit though no answer shows them: for two days they have room.
    - That windows are longer than an hour, where a lock-out lasted longer and no header tells.
    - How often interactive calls come, for six hours.
    - That the server keeps a sliding log: our own calls outlive the window. One opening that
      says otherwise is a server that was started anew, two are proof.

The state has four parts, each a page with its own transitions: `Window` (limit, ends, what
remains, lock-out), `Flights` (calls between reservation and outcome), `Neighbours` (all that is
learnt of others and of interactive calls) and `Log` (our calls of the last hour).

The laws of this package
    No clock, no I/O, no HTTP. Time is an argument, in seconds of a monotonic clock. The state
    is one frozen value; each event is a function from state to state; `decide` asks and changes
    nothing. A reservation ends in exactly one way: `released` (proved not sent or not counted),
    `answered`, `unread` (counted, no headers), `refused`, `turned_away`, or `lost`. A lost one may
    be `found` later, so that it was counted for certain.
"""

# pyright: reportUnusedImport=false

from __future__ import annotations

from postiz_async._quota.decisions import Grant, Wait, WaitReason, decide
from postiz_async._quota.forecasts import forecast, forecasts, outlook
from postiz_async._quota.log import SILENT, Flight, Flights, Log, LoggedCall
from postiz_async._quota.neighbours import Neighbours
from postiz_async._quota.state import Halt, Ledger, ledger_name
from postiz_async._quota.transitions import (
    acquired,
    answered,
    expire,
    found,
    halted,
    lost,
    refused,
    released,
    set_back,
    turned_away,
    unread,
)
from postiz_async._quota.window import BELIEVED_LIMIT, MARGIN, WINDOW, RateHeaders, Window
