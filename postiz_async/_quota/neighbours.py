"""What is known about other clients of the key, and about our own interactive calls. PURE."""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

HOUR = 3600.0

MEMORY = 0.9
"""The weight of one window's experience of other clients in the next window."""

PRIOR, PRIOR_HOURS = 1.0, 0.5
"""Calls of others, and hours, that are assumed as seen before anything was."""

ASKED_HOURS = 6.0
"""Decay of interactive calls in memory: after this many hours a call counts as 1/e."""

SURGE = 0.4
"""Share of the limit expected at once from other clients, while their number is unknown."""

SURGE_SECONDS = 48 * HOUR
"""Seconds for which a burst by other clients is remembered."""

PREDECESSOR_SECONDS = HOUR
"""Seconds for which a client that found a used window may be the successor of a killed process."""

MOST_RIVALS = 4
"""Most clients assumed to burst beside us."""


class Neighbours(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Hits in the current window, and experience from earlier ones. Times are monotonic seconds."""

    accounted: bool = False
    """Whether the window was opened by a reading, so that `own` has all our calls since."""
    own: int = 0
    foreign: int = 0
    ignored: int = 0
    """Hits in this window: ours, those of others, and among these the ones that show no steady
    traffic."""
    burst: int = 0
    """Hits of other clients that came during our burst."""
    past_rivals: int = 0
    """Clients that burst beside us in the previous window."""
    past_foreign: float = 0.0
    past_hours: float = 0.0
    """Experience from earlier windows: hits of others, and the hours of observation."""

    asked: float = 0.0
    """Our interactive calls, with less weight the older they are."""
    asked_since: float = -math.inf
    asked_at: float = -math.inf
    """The times of the first and the last interactive call."""

    surge: int = 0
    surge_until: float = -math.inf
    """The size of a burst by others that is expected, and until when."""
    over_until: float = -math.inf
    """Until when it is remembered that another client exceeded the limit."""
    predecessor_until: float = -math.inf
    """Until when hits found in the first window may be those of a process that died and may
    restart."""

    @property
    def steady(self) -> int:
        """Hits of others in this window that indicate steady traffic."""
        return self.foreign - self.ignored if self.foreign > self.ignored else 0

    @property
    def are_there(self) -> bool:
        """Whether other clients seem to use the key."""
        return self.steady > 0 or self.past_foreign >= 0.5

    @property
    def bursting(self) -> int:
        """The number of other clients that burst in this window as we do."""
        if self.burst < 2:  # a single one may be chance
            return 0
        return min(MOST_RIVALS, math.ceil(self.burst / max(1, self.own)))

    @property
    def rivals(self) -> int:
        """Number of clients that seem to burst as we do, such as processes without a shared store.

        All may have read the same counter, and each may have a call on its way: interactive calls
        leave each a slot, bulk one more.
        """
        return max(self.past_rivals, self.bursting)

    # -------------------------------------------------------------- what to reckon with

    def rate(self, hours: float, *, prior: bool = False) -> float:
        """Hits a second to expect from others, by this window and earlier ones.

        Args:
            hours: hours of observation since the window began.
            prior: assume other clients before any was seen.
        """
        seen = self.past_foreign + self.steady + (PRIOR if prior else 0.0)
        if seen <= 0:
            return 0.0
        return (seen + math.sqrt(seen)) / (self.past_hours + hours + PRIOR_HOURS) / HOUR

    def asked_rate(self, at: float) -> float:
        """Interactive calls a second to expect at a given time."""
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
        """Calls of other clients that may come at once at a given time."""
        return self.surge if now < self.surge_until else 0

    def forgets_at(self, now: float) -> float:
        """When a memory expires next, so that fewer slots are held; infinity: never."""
        moments = (self.predecessor_until, self.surge_until, self.asked_at + SURGE_SECONDS)
        return min([moment for moment in moments if moment > now], default=math.inf)

    # -------------------------------------------------------------- what happens

    def with_asked(self, now: float) -> Neighbours:
        """Note that an interactive call leaves, so that more are expected."""
        before = 0.0
        if self.asked:
            ago = max(0.0, now - self.asked_at)  # a clock may have been set back
            before = self.asked * math.exp(-ago / (ASKED_HOURS * HOUR))
        since = self.asked_since if before > 0.05 else now
        return replace(self, asked=before + 1.0, asked_since=since, asked_at=now)

    def counted(self) -> Neighbours:
        """Note that one of our calls was counted, or may have been."""
        return replace(self, own=self.own + 1)

    def first_seen(self, found: int, now: float, limit: int) -> Neighbours:
        """Note that the first window we read had hits already."""
        if found <= 1:
            return self
        surge = self.with_surge(math.ceil(SURGE * limit), now)
        return replace(surge, predecessor_until=now + PREDECESSOR_SECONDS)

    def opened(self, own: int, found: int, ignored: int) -> Neighbours:
        """Note that a window opened with `own` hits of ours, and `found` earlier ones of others."""
        return replace(self, own=own, foreign=found, ignored=ignored, accounted=True)

    def read(self, foreign: int, *, bursting: bool) -> Neighbours:
        """Note that a further reading of this window shows `foreign` hits of others."""
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
        """Expect bursts of at least `size` calls by other clients for a while."""
        return replace(self, surge=max(size, self.surge_at(now)), surge_until=now + SURGE_SECONDS)

    def went_over(self, now: float, limit: int) -> Neighbours:
        """Note that another client exceeded the limit."""
        surge, over_until = self.with_surge(limit // 2, now), now + SURGE_SECONDS
        return replace(surge, foreign=self.foreign + 1, over_until=over_until)

    def exceeded(self, found: int, hours: float, now: float) -> Neighbours:
        """Note that others, whom no reading shows, made at least `found` calls in so many hours."""
        seen = replace(self, foreign=found, ignored=0).closed(hours)
        return replace(seen, over_until=now + SURGE_SECONDS)

    def remembered(self, now: float) -> Neighbours:
        """Forget others whom no reading shows when they have not exceeded the limit for long."""
        if not -math.inf < self.over_until <= now:
            return self
        return replace(self, past_foreign=0.0, past_hours=0.0, over_until=-math.inf)

    def set_back(self, now: float) -> Neighbours:
        """Clamp all times to `now`, because the clock was set back."""
        return replace(
            self,
            asked_since=min(self.asked_since, now),
            asked_at=min(self.asked_at, now),
            surge_until=min(self.surge_until, now + SURGE_SECONDS),
            over_until=min(self.over_until, now + SURGE_SECONDS),
            predecessor_until=min(self.predecessor_until, now + PREDECESSOR_SECONDS),
        )

    def without_overrun(self) -> Neighbours:
        """Forget that another client exceeded the limit: it was the limit that was lowered."""
        past = max(0.0, self.past_foreign - 1.0)
        never = -math.inf
        return replace(self, past_foreign=past, surge=0, surge_until=never, over_until=never)

    def closed(self, hours: float) -> Neighbours:
        """Turn this window's hits into experience; others could be seen for `hours` of it."""
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
