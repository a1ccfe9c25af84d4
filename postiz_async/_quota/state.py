"""What is known of the quota at one moment: a frozen value. PURE."""

from __future__ import annotations

import math
from enum import Enum

import msgspec

BELIEVED_LIMIT = 30
"""The limit assumed before any answer: the lowest that a Postiz release has by default."""

WINDOW = 3600.0
"""Seconds of the server's window and of its lock-out."""

MARGIN = 2.0
"""Seconds added to each deadline: drift of two clocks over an hour, and the exact edge."""

RELEASE, MAX_RELEASE = 8.0, 300.0
"""Seconds before the end of a window at which held slots are let go: at least, and at most."""

BURST_PAUSE = 10.0
"""Seconds without an answer after which the next calls start carefully, one by one."""

CONFIDENCE = 0.995
"""How sure we want to be that what we leave to others is enough for them."""

PRIOR, PRIOR_HOURS = 1.0, 0.5
"""Calls of others in so many hours, as good as seen before anything was."""

MEMORY = 0.9
"""What one window's experience of other clients is worth in the next."""

MOST_RIVALS = 4
"""Clients that burst beside us: more are not reckoned with."""

SETTLE = 30.0
"""Seconds for which a request can still be on its way when its sender gave up or died."""

SILENT = 720.0
"""The same for a request that met nothing but silence: a proxy may hold it for minutes."""

LOCK_GUESS, LOCK_GUESS_MAX = 30.0, 900.0
"""Pause after a 429 without Retry-After: not the throttler's; doubled each time, bounded."""


class WaitReason(Enum):
    """Why a call has to wait."""

    BLOCKED = "the organisation is locked out"
    WINDOW = "the window is used up"
    RESERVED = "the rest of the window is reserved for interactive calls"
    PROBE = "the first call of the window has not been answered yet"
    IN_FLIGHT = "enough calls are in flight"
    PACED = "the rhythm spreads the calls over the window"


class Grant(msgspec.Struct, frozen=True):
    """The call may leave now."""


class Wait(msgspec.Struct, frozen=True):
    """Ask again at `until` (monotonic seconds; infinity: after the next answer)."""

    until: float
    why: WaitReason


class Outlook(msgspec.Struct, frozen=True):
    """`free` calls can leave from `start` on, the next ones after `ends`.

    Monotonic seconds. `by_window`: then a limit more each window; else slots come back one by one.
    `likely`: how many could leave in this window if the calls in flight are all that is to come,
    at least `free`; what makes the difference, their answers will tell.
    """

    start: float
    free: int
    likely: int
    ends: float
    by_window: bool


class RateHeaders(msgspec.Struct, frozen=True):
    """What a counted answer says: calls per window, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset: float


class Flight(msgspec.Struct, frozen=True):
    """A call between reservation and outcome. `alone`: no other call overlapped so far."""

    token: int
    sent: float
    alone: bool
    expires: float = math.inf
    """When a holder that was not heard of again is taken for dead."""


class LoggedCall(msgspec.Struct, frozen=True, array_like=True):
    """One of our calls, counted between `sent` and `until`; if not `sure`, perhaps."""

    sent: float
    until: float
    sure: bool = True


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one (server, key, route). Times are monotonic seconds."""

    window: float = WINDOW
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    """Whether `limit` was read from an answer."""
    reserve: int | None = None
    """Slots of each window held back for interactive calls; None: a tenth of the limit."""

    ends_after: float = -math.inf
    ends_before: float = -math.inf
    """The window ends between these two moments; -inf: unknown."""
    from_snapshot: bool = False
    """An earlier process read the window, and the wall clock may have been set since."""
    remaining: int = 0
    """Calls left in the window when last read."""
    unseen: tuple[float, ...] = ()
    """For each call that ended without a reading, from when on a reading includes it."""
    read_at: float = -math.inf
    """When the call that brought the last reading was sent."""
    blocked_until: float = -math.inf
    guesses: int = 0
    """429s without Retry-After in a row."""

    flights: tuple[Flight, ...] = ()
    tokens: int = 0
    cap: int = 1
    """Calls allowed in flight: one, then one more an answer, so a burst doubles."""
    answered_at: float = -math.inf
    latency: float = 0.5
    """Seconds from reservation to answer, smoothed; includes what the caller stores first."""

    accounted: bool = False
    """Whether the last window was opened by a reading and `own` counts all of ours since."""
    own: int = 0
    foreign: int = 0
    ignored_hits: int = 0
    """Hits in this window: ours, of others, and of others but no sign of steady traffic."""
    burst_hits: int = 0
    """Those of others that came while we were bursting."""
    past_rivals: int = 0
    """Clients that burst with us in the window before."""
    urgent: int = 0
    """Our interactive calls in this window."""
    past_foreign: float = 0.0
    past_urgent: float = 0.0
    past_hours: float = 0.0
    """What earlier windows taught: hits of others, interactive calls, and in how many hours."""

    sliding: bool = False
    """The server keeps a sliding log (older releases): slots come back one by one."""
    headerless: bool = False
    """Answers carry no rate headers (a proxy strips them): only our own log is known."""
    log: tuple[LoggedCall, ...] = ()
    """Our calls of the last window length."""

    @property
    def window_known(self) -> bool:
        return self.ends_before > -math.inf

    @property
    def held(self) -> int:
        """Slots that bulk leaves to interactive calls until the window closes."""
        return max(1, math.ceil(self.limit / 10)) if self.reserve is None else self.reserve

    @property
    def pending(self) -> int:
        """Calls that the last reading may not include."""
        return len(self.flights) + len(self.unseen)

    @property
    def unclaimed(self) -> int:
        """Slots that neither answers nor calls in flight account for.

        Never less than what a later reading leaves beside them, while all of them arrive. A reading
        of `remaining` may include calls in flight, so less `pending` it says less than there is.
        """
        accounted = self.own + self.foreign + len(self.flights)
        return max(0, min(self.remaining, self.limit - accounted))

    @property
    def free(self) -> int:
        """Slots that nobody has taken, as far as is known; below 0 if that says little."""
        free = self.remaining - len(self.flights) - len(self.unseen)
        if not self.unseen or self.flights:
            return free
        # the reading may include what was lost before it; alone, our own count says more
        alone = self.accounted and not (self.burst_hits or self.has_company)
        return max(free, self.unclaimed) if alone else free

    @property
    def has_company(self) -> bool:
        """Whether other clients use the key now and then."""
        return self.steady > 0 or self.past_foreign >= 0.5

    @property
    def steady(self) -> int:
        """Hits of others in this window that are a sign of steady traffic."""
        return max(0, self.foreign - self.ignored_hits)

    @property
    def bursting(self) -> int:
        """Others that burst in this window as we do."""
        if self.burst_hits < 2:  # one is chance
            return 0
        return min(MOST_RIVALS, math.ceil(self.burst_hits / max(1, self.own)))

    @property
    def rivals(self) -> int:
        """Clients that seem to do as we do, such as processes that share no store with us.

        All may have read the same counter, and each may have a call on its way: interactive calls
        leave each a slot, bulk two.
        """
        return max(self.past_rivals, self.bursting)

    def is_at_rest(self, now: float) -> bool:
        """Whether nothing that is known holds any more: a fresh ledger would do as well."""
        over = now >= max(self.ends_before + MARGIN, self.blocked_until)
        return over and not self.flights and not self.live(now)

    def is_live(self, hit: LoggedCall, now: float) -> bool:
        """Whether one of our calls may still occupy a slot."""
        return hit.until + self.window + MARGIN > now

    def live(self, now: float) -> list[LoggedCall]:
        """Our calls that may still occupy a slot."""
        return [hit for hit in self.log if self.is_live(hit, now)]
