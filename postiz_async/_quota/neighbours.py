"""What is learnt of other clients of the key, and of our own interactive calls. PURE."""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

HOUR = 3600.0

MEMORY = 0.9
"""What one window's experience of other clients is worth in the next."""

PRIOR, PRIOR_HOURS = 1.0, 0.5
"""Calls of others, and hours, that count as seen before anything was."""

ASKED_HOURS = 6.0
"""How long an interactive call is remembered: after this many hours it counts as 1/e."""

SURGE = 0.4
"""The share of the limit that may come at once where somebody came, and how many is not known."""

SURGE_SECONDS = 48 * HOUR
"""How long it is remembered that many calls came at once."""

HEIR_SECONDS = HOUR
"""How long a client that found a used window may be the heir of a killed process."""

MOST_RIVALS = 4
"""Clients that burst beside us: more are not reckoned with."""


class Neighbours(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Hits in the window that runs, and what was learnt before. Times are monotonic seconds."""

    accounted: bool = False
    """Whether the window was opened by a reading and `own` counts all of ours since."""
    own: int = 0
    foreign: int = 0
    ignored: int = 0
    """Hits in this window: ours, those of others, and of these what shows no steady traffic."""
    burst: int = 0
    """Those of others that came while we were bursting."""
    past_rivals: int = 0
    """Clients that burst with us in the window before."""
    past_foreign: float = 0.0
    past_hours: float = 0.0
    """What earlier windows taught: hits of others, and in how many hours."""

    asked: float = 0.0
    """Our interactive calls; those of long ago count less."""
    asked_since: float = -math.inf
    asked_at: float = -math.inf
    """When the first and the last of them left."""

    surge: int = 0
    surge_until: float = -math.inf
    """How many calls of others may come at once, and until when that is reckoned with."""
    over_until: float = -math.inf
    """Until when it is remembered that somebody else sent the call too many."""
    heir_until: float = -math.inf
    """Until when those found at first sight may be of a process that died, and will again."""

    @property
    def steady(self) -> int:
        """Hits of others in this window that are a sign of steady traffic."""
        return self.foreign - self.ignored if self.foreign > self.ignored else 0

    @property
    def are_there(self) -> bool:
        """Whether other clients use the key now and then."""
        return self.steady > 0 or self.past_foreign >= 0.5

    @property
    def bursting(self) -> int:
        """Others that burst in this window as we do."""
        if self.burst < 2:  # one is chance
            return 0
        return min(MOST_RIVALS, math.ceil(self.burst / max(1, self.own)))

    @property
    def rivals(self) -> int:
        """Clients that seem to do as we do, such as processes that share no store with us.

        All may have read the same counter, and each may have a call on its way: interactive calls
        leave each a slot, bulk one more.
        """
        return max(self.past_rivals, self.bursting)

    # -------------------------------------------------------------- what to reckon with

    def rate(self, hours: float, *, prior: bool = False) -> float:
        """Hits of others a second to count on, by what was seen of this window and of earlier ones.

        Args:
            hours: observed since the window began.
            prior: count on others before any was seen.
        """
        seen = self.past_foreign + self.steady + (PRIOR if prior else 0.0)
        if seen <= 0:
            return 0.0
        return (seen + math.sqrt(seen)) / (self.past_hours + hours + PRIOR_HOURS) / HOUR

    def asked_rate(self, at: float) -> float:
        """Interactive calls a second to count on, as it looks at a moment."""
        if not self.asked:
            return 0.0
        memory = ASKED_HOURS * HOUR
        at = max(at, self.asked_at)
        watched = memory * -math.expm1((self.asked_since - at) / memory)
        left = self.asked * math.exp((self.asked_at - at) / memory)
        return left / (watched + PRIOR_HOURS * HOUR)

    def asked_surge(self, now: float, limit: int) -> int:
        """Interactive calls that may come at once."""
        return math.ceil(SURGE * limit) if now < self.asked_at + SURGE_SECONDS else 0

    def surge_at(self, now: float) -> int:
        """Calls of others that may come at once."""
        return self.surge if now < self.surge_until else 0

    def forgets_at(self, now: float) -> float:
        """When something of it is forgotten next, and so less is held; infinity: never."""
        moments = (self.heir_until, self.surge_until, self.asked_at + SURGE_SECONDS)
        return min([moment for moment in moments if moment > now], default=math.inf)

    # -------------------------------------------------------------- what happens

    def with_asked(self, now: float) -> Neighbours:
        """An interactive call leaves: more may come."""
        before = 0.0
        if self.asked:
            ago = max(0.0, now - self.asked_at)  # a clock may have been set back
            before = self.asked * math.exp(-ago / (ASKED_HOURS * HOUR))
        since = self.asked_since if before > 0.05 else now
        return replace(self, asked=before + 1.0, asked_since=since, asked_at=now)

    def counted(self) -> Neighbours:
        """One of our calls was counted, or may have been."""
        return replace(self, own=self.own + 1)

    def first_seen(self, found: int, now: float, limit: int) -> Neighbours:
        """The first window that we see has hits already."""
        if found <= 1:
            return self
        surge = self.with_surge(math.ceil(SURGE * limit), now)
        return replace(surge, heir_until=now + HEIR_SECONDS)

    def opened(self, own: int, found: int, ignored: int) -> Neighbours:
        """A window opens with `own` hits of ours, and `found` that others made before them."""
        return replace(self, own=own, foreign=found, ignored=ignored, accounted=True)

    def read(self, foreign: int, *, bursting: bool) -> Neighbours:
        """A call of ours read this window again, and found `foreign` hits of others."""
        # others burst with us: no steady traffic
        more = max(0, foreign - self.foreign) if bursting else 0
        return replace(
            self,
            own=self.own + 1,
            foreign=foreign,
            ignored=self.ignored + more,
            burst=self.burst + more,
        )

    def with_surge(self, size: int, now: float) -> Neighbours:
        """As many as `size` may come at once again."""
        return replace(self, surge=max(size, self.surge_at(now)), surge_until=now + SURGE_SECONDS)

    def went_over(self, now: float, limit: int) -> Neighbours:
        """Somebody else sent the call too many."""
        surge, over_until = self.with_surge(limit // 2, now), now + SURGE_SECONDS
        return replace(surge, foreign=self.foreign + 1, over_until=over_until)

    def set_back(self, now: float) -> Neighbours:
        """The clock was set back: nothing that happened is ahead."""
        return replace(
            self,
            asked_since=min(self.asked_since, now),
            asked_at=min(self.asked_at, now),
            surge_until=min(self.surge_until, now + SURGE_SECONDS),
            over_until=min(self.over_until, now + SURGE_SECONDS),
            heir_until=min(self.heir_until, now + HEIR_SECONDS),
        )

    def acquitted(self) -> Neighbours:
        """Nobody went over: the limit was lowered."""
        past = max(0.0, self.past_foreign - 1.0)
        never = -math.inf
        return replace(self, past_foreign=past, surge=0, surge_until=never, over_until=never)

    def closed(self, hours: float) -> Neighbours:
        """The window is over; in `hours` of it others could be seen."""
        return replace(
            self,
            past_foreign=self.past_foreign * MEMORY + self.steady,
            past_hours=self.past_hours * MEMORY + hours,
            past_rivals=self.bursting if self.own >= 3 else self.past_rivals,
            own=0,
            foreign=0,
            ignored=0,
            burst=0,
        )
