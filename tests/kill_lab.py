"""Processes that are killed at random, against a server at its worst: what all such labs share.

The server is `python -m postiz_async sandbox` with faults. All are on one clock that runs many
times as fast as the machine's: the hour of the quota, the 12 minutes in which a lost request
settles, leases, time-outs and what the server does late are all scaled by that one factor. On a
busy machine many answers come too late then, which is a fault like others. The wall clock of each
process that may be killed jumps by hours, see `wall_jumps`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from gateways import PAGE_STATUSES
from processes import PATIENCE, Process, Server, child_environment, ended, launch, sandbox_process
from wall_jumps import with_jumps

from postiz_async._campaign.journal.rows import ADOPTED_UNSURE
from postiz_async._delivery.outcomes import FOUND_UNSURE
from postiz_async._delivery.repair import MAY_LACK, UNSEEN_END

Fault = tuple[str, float, str]
"""What goes wrong: the kind, the share of all requests, and more."""

PAGES: tuple[Fault, ...] = (
    ("html", 0.01, ""),
    *(("error_after", 0.01, f"status={each}") for each in PAGE_STATUSES),
)

COVERED = 6
"""Requests of any kind that a page answers while it stands in front of the server."""

MOST_ASLEEP = 900.0
"""Seconds of the clock without a create after a page is gone that no growing pause explains."""

NAMED = frozenset({MAY_LACK, UNSEEN_END, FOUND_UNSURE, ADOPTED_UNSURE})
"""What is said of a post that may be half made."""


def fault_texts(creates: Sequence[Fault], others: Sequence[Fault] = ()) -> Iterator[str]:
    """Faults as the sandbox reads them; the first that strikes is the only one: shares add up."""
    left = 1.0
    for kind, share, more in creates:
        yield f"{kind}:{100 * share / left:.3f}%:route=create_post:{more}".rstrip(":")
        left -= share
    for kind, share, more in others:
        yield f"{kind}:{100 * share:.3f}%:{more}".rstrip(":")


def spread(count: int, rounds: int) -> list[int]:
    """So many rounds of all, as far apart as possible."""
    return [(2 * n + 1) * rounds // (2 * count) for n in range(count)]


@dataclass
class Tally:
    """What was done and what came of it."""

    kills: int = 0
    creates: int = 0
    """Creates that reached the server."""
    refusals: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    called_refused: list[str] = field(default_factory=list)
    """What is stored although it was said to be refused."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    covers: int = 0
    """How often a page stood in front of the server for a while."""
    asleep: float = 0.0
    """The sum of the seconds of the clock until the next create after these."""

    def __add__(self, other: Self) -> Self:
        mine, theirs = vars(self), vars(other)
        return type(self)(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def troubles(self) -> list[str]:
        """What must not happen."""
        return [*self.lost, *self.doubled, *self.called_refused, *self.wrong]

    @property
    def verdict(self) -> str:
        return (
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, called refused although stored "
            f"{len(self.called_refused)}, otherwise wrong {len(self.wrong)}"
        )

    @property
    def covered(self) -> str:
        mean = self.asleep / self.covers if self.covers else 0.0
        return (
            f"{self.covers} times a page of {COVERED} requests, next create {mean:.0f} s after it"
        )

    @property
    def struck(self) -> str:
        each = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        return f"{self.faults.total()} faults: {each}"

    def read(self, server: Server) -> None:
        """Add what a server has counted."""
        state = server.state
        self.creates += state["creates"]
        self.refusals += state["refusals"]
        self.faults.update(server.struck)


class Progress:
    """Tells whether a count has stood still for longer than a busy machine halts."""

    def __init__(self) -> None:
        self._count, self._since = -1, time.monotonic()

    def stands_still(self, count: int) -> bool:
        if count != self._count:
            self._count, self._since = count, time.monotonic()
        return time.monotonic() > self._since + PATIENCE


T = TypeVar("T", bound=Tally)


class Kills(Generic[T]):
    """One server, and processes that are killed.

    Args:
        home: a folder.
        seed: of the moments, of the faults and of what is sent.
        speed: of all clocks.
        tally: for what is found.
    """

    creates: ClassVar[Sequence[Fault]] = (("drop_answer", 0.10, ""), *PAGES)
    others: ClassVar[Sequence[Fault]] = ()
    limit: ClassVar[int] = 1_000_000

    server: Server

    def __init__(self, home: Path, seed: int, speed: float, tally: T) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.seed = seed
        self.speed = speed
        self.tally = tally
        self.dice = random.Random(seed)  # noqa: S311
        self.stack = ExitStack()

    def run(self) -> T:
        """Do the work against a server, and say what came of it."""
        began = time.monotonic()
        with self.stack:
            self.server = self.stack.enter_context(self.serving())
            self.work()
            self.tally.read(self.server)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def work(self) -> None:
        """Kill so often, let all come to its end, and judge."""
        raise NotImplementedError

    @contextmanager
    def serving(self, *options: str) -> Iterator[Server]:
        """The server."""
        common = ["--speed", str(self.speed), "--limit", str(self.limit), "--seed", str(self.seed)]
        faults = [f"--fault={fault}" for fault in fault_texts(self.creates, self.others)]
        with sandbox_process(self.home / "sandbox", *common, *options, *faults) as server:
            yield server

    # -------------------------------------------------------------- processes

    def start(self, command: Sequence[str], **environment: str) -> Process:
        """A process of ours, whose wall clock jumps."""
        timed = self.server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"} | environment
        jumping = with_jumps(command, self.dice.getrandbits(32), self.speed)
        return launch(jumping, child_environment(self.home, timed))

    def keep(self, command: Sequence[str], **environment: str) -> Process:
        """The same, ended with the server if not before."""
        return self.stack.enter_context(ended(self.start(command, **environment)))

    def wait_for_work(
        self,
        running: Sequence[Process],
        *,
        more: int = 1,
        of: str = "requests",
        moment: float = 0.4,
        most: float = PATIENCE,
    ) -> None:
        """Until so many requests arrive, or all have ended, and for a moment more."""
        wanted, end = self.server.state[of] + more, time.monotonic() + most
        before = wanted - more
        while self.server.state[of] < wanted and any(p.poll() is None for p in running):
            if time.monotonic() > end:
                if self.server.state[of] == before and most == PATIENCE:
                    self.tally.wrong.append(f"no {of} for {PATIENCE:.0f} s")
                break
            time.sleep(0.01)
        time.sleep(self.dice.uniform(0.0, moment))

    def cover(self, has_work: Callable[[], bool]) -> None:
        """Put a page in front of the server for some requests; then whoever has work goes on."""
        before, end = self.server.struck.get("html", 0), time.monotonic() + PATIENCE
        self.server.add_fault(f"html:times={COVERED}")
        while self.server.struck.get("html", 0) < before + COVERED and time.monotonic() < end:
            time.sleep(0.01)
        creates, began = self.server.state["creates"], time.monotonic()
        while self.server.state["creates"] == creates and has_work():
            if (time.monotonic() - began) * self.speed > MOST_ASLEEP:
                self.tally.wrong.append(f"no create for {MOST_ASLEEP:.0f} s after a page was gone")
                break
            time.sleep(0.01)
        self.tally.covers += 1
        self.tally.asleep += (time.monotonic() - began) * self.speed

    def kill(self, process: Process) -> bool:
        """Kill a process; whether it was still at work."""
        was_working = process.poll() is None
        process.kill()
        self.tally.kills += was_working
        return was_working

    def look_at_end(self, process: Process, *fine: int) -> str:
        """Wait for an end, and look what was said; any exit code is fine if none is named."""
        _, err = process.communicate(timeout=PATIENCE)
        if "Traceback" in err or (fine and process.returncode not in fine):
            self.tally.wrong.append(f"a process ended with {process.returncode}: {err}")
        return err
