"""A campaign is what Postiz should contain: one table says what becomes of each row.

Three things are compared: what the file says (wanted), what the journal knows (known), and what
Postiz lists (listed). Each combination that can be has exactly one line in `TABLE`, and each is
made here, against a server, and run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from campaign_lab import Lab, Watched, at, rows

from postiz_async._campaign.run.update_plan import CampaignChanges
from postiz_async.errors import CampaignConflictError, InvalidPostError

ROW, OTHERS = 1, 2
"""The number of the row that all is about, and how many rows beside it stay as they are."""

WANTED = ("same", "text", "date", "settings", "type", "channel", "none", "wrong")
KNOWN = ("nothing", "unsent", "in flight", "refused", "withdrawn", "stored")
LISTED = (
    *("nothing", "as put", "moved", "edited", "a draft", "on no channel"),
    *("published", "failed", "due"),
)
EDITS = ("text", "date", "settings", "type", "channel")
PEOPLES = ("moved", "edited", "a draft")
OUT = ("published", "failed")


class Line(NamedTuple):
    """A line of the table: what may be wanted, known and listed, and what is done."""

    wanted: Sequence[str]
    known: Sequence[str]
    listed: Sequence[str]
    then: str


TABLE = (
    Line(("wrong",), KNOWN, LISTED, "problem"),
    # rows of which no post is known
    Line(("same", *EDITS), ("nothing", "unsent"), ("nothing",), "create"),
    Line(("same", "settings", "type"), ("nothing",), ("as put", "a draft"), "stop"),
    Line(("text", "date", "channel"), ("nothing",), ("as put", "a draft"), "create"),
    Line(("same",), ("refused", "withdrawn"), ("nothing",), "leave"),
    Line(EDITS, ("refused", "withdrawn"), ("nothing",), "create"),
    Line(("none",), ("nothing", "unsent", "refused", "withdrawn"), LISTED, "leave"),
    # looked up first, and then the same as a stored one
    Line(("same",), ("in flight",), ("as put", "edited", "published"), "leave"),
    Line(("none",), ("in flight",), ("as put",), "leave, then stop"),
    Line(("none",), ("in flight",), ("edited", "published"), "leave"),
    Line(("text", "date"), ("in flight",), ("as put",), "change"),
    Line(("settings", "type"), ("in flight",), ("as put",), "change freely"),
    Line(("channel",), ("in flight",), ("as put",), "delete, create"),
    Line(EDITS, ("in flight",), ("edited",), "leave: edited"),
    Line(EDITS, ("in flight",), ("published",), "leave: published"),
    # stored rows
    Line(("same",), ("stored",), LISTED, "leave"),
    Line(("text", "date"), ("stored",), ("as put",), "change"),
    Line(("settings", "type"), ("stored",), ("as put",), "change freely"),
    Line(("channel",), ("stored",), ("as put",), "delete, create"),
    Line(("none",), ("stored",), ("as put", "due"), "stop"),
    Line(("none",), ("stored",), ("nothing", *PEOPLES, "on no channel", *OUT), "leave"),
    Line(("type",), ("stored",), ("a draft",), "leave"),  # as it says
    Line(("type",), ("stored",), ("moved", "edited"), "leave: edited"),
    Line(("text", "date", "settings", "channel"), ("stored",), PEOPLES, "leave: edited"),
    Line(EDITS, ("stored",), ("nothing",), "leave: gone"),
    Line(("channel",), ("stored",), ("on no channel",), "leave: hidden"),
    Line(("text", "date", "settings", "type"), ("stored",), ("on no channel",), "problem"),
    Line(EDITS, ("stored",), ("published",), "leave: published"),
    Line(EDITS, ("stored",), ("failed",), "leave: failed"),
    Line(EDITS, ("stored",), ("due",), "leave: due"),
)


def line_of(wanted: str, known: str, listed: str) -> list[Line]:
    return [
        line
        for line in TABLE
        if wanted in line.wanted and known in line.known and listed in line.listed
    ]


def can_be(known: str, listed: str) -> bool:
    """Whether Postiz may list this of a row of which the journal knows that."""
    if known == "stored":
        return True
    if known == "in flight":
        return listed in {"as put", "edited", "published"}
    return listed == "nothing" or (known == "nothing" and listed in {"as put", "a draft"})


CASES = [
    (wanted, known, listed)
    for wanted, known, listed in product(WANTED, KNOWN, LISTED)
    if can_be(known, listed)
]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


def test_each_combination_has_one_line() -> None:
    assert [case for case in CASES if len(line_of(*case)) != 1] == []


@pytest.mark.parametrize(("wanted", "known", "listed"), CASES)
async def test_what_the_table_says_is_done(lab: Lab, wanted: str, known: str, listed: str) -> None:
    world = _World(lab)
    await world.make(known, listed)
    world.edit(wanted)
    [line] = line_of(wanted, known, listed)
    first, _, second = line.then.partition(", then ")
    assert await world.done() == first
    if first not in {"problem", "stop"}:
        is_left = first.startswith("leave")
        assert await world.done() == (second or (first if is_left else "leave"))


class _World:
    """A campaign of a row and others, its journal, and what Postiz has of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.home, self.own, self.other = (
            lab.channel(each) for each in ("telegram", "mastodon", "threads")
        )
        self.others = [
            {**each, "ref": f"other {n}"} for n, each in enumerate(rows([self.home], 2, hours=48.0))
        ]
        self.row = {"ref": "it", "channel": self.own, "date": at(24), "content": "words"}
        self.post = ""

    def write(self, *records: dict[str, Any]) -> None:
        self.lab.write([*records, *self.others])

    async def make(self, known: str, listed: str) -> None:
        """Run the campaign, and change its journal and posts until they are so."""
        await self._know(known, is_listed=listed != "nothing")
        if known == "stored" or listed != "nothing":
            [self.post] = [p.id for p in self.lab.sandbox.posts if p.channel_id == self.own]
        if self.post:
            await self._list(listed)

    async def _know(self, known: str, *, is_listed: bool) -> None:
        lab = self.lab
        self.write()
        await lab.run()
        self.write(self.row)
        if known == "unsent":
            assert await lab.killed(at_create(is_sent=False))
        elif known == "in flight":
            assert await lab.killed(at_create(is_sent=True))
        elif known == "refused":
            lab.judge = lambda _: {"msg": "not today"}
            await lab.run()
            lab.judge = None
        elif known != "nothing" or is_listed:
            kept = lab.journal.read_bytes()
            await lab.run()
            if known == "nothing":
                lab.journal.write_bytes(kept)
        if known == "withdrawn":
            async with lab.client() as postiz, lab.campaign(postiz) as campaign:
                await campaign.undo(rows={ROW})

    async def _list(self, listed: str) -> None:
        lab = self.lab
        [post] = [post for post in lab.sandbox.posts if post.id == self.post]
        date = round(post.date.replace(microsecond=0).timestamp() * 1000)
        if listed == "nothing":
            async with lab.client() as person:
                await person.posts.delete(self.post)
        elif listed == "moved":
            lab.sandbox.change_post(self.post, date=date + 3_600_000)
        elif listed == "edited":
            lab.sandbox.change_post(self.post, date=date, group="new", content="others")
        elif listed == "on no channel":
            lab.sandbox.change_channel(self.own, deleted_at=date)
        elif listed == "due":
            await lab.clock.sleep(date / 1000 - lab.clock.time() - 300.0)
        elif listed in _STATES:
            lab.sandbox.change_post(self.post, state=_STATES[listed])

    def edit(self, wanted: str) -> None:
        """Write the file."""
        if wanted == "none":
            self.write()
        else:
            self.write(self.row | _EDITS.get(wanted, {"channel": self.other}))

    async def done(self) -> str:
        """What a run does, which its plan says before."""
        said = await self._changes(is_run=False)
        before, creates = self._told(), len(self.lab.creates)
        done = await self._changes(is_run=True)
        after = self._told()
        if isinstance(done, str):
            assert said == done or done == "stop", "a plan shows what stops"  # noqa: PLR1714
            return done
        assert isinstance(said, CampaignChanges)
        if not said.unclear:
            assert (done.left, len(done.changed)) == (said.left, len(said.changed))
        more, fewer = after.keys() - before.keys(), before.keys() - after.keys()
        if more or fewer:
            return ", ".join(["delete"] * bool(fewer) + ["create"] * bool(more))
        if after != before:
            return "change" if len(self.lab.creates) > creates else "change freely"
        return ", ".join(["leave", *done.left]).replace(", ", ": ", 1)

    async def _changes(self, *, is_run: bool) -> CampaignChanges | str:
        try:
            async with self.lab.client() as postiz, self.lab.campaign(postiz) as campaign:
                return (await (campaign.run() if is_run else campaign.plan())).changes
        except InvalidPostError:
            return "problem"
        except CampaignConflictError:
            return "stop"

    def _told(self) -> dict[str, tuple[object, ...]]:
        return {
            post.id: (post.content, post.date, post.state, post.channel_id, str(post.settings))
            for post in self.lab.sandbox.posts
        }


_STATES = {"a draft": "DRAFT", "published": "PUBLISHED", "failed": "ERROR"}
_EDITS: dict[str, dict[str, Any]] = {
    "same": {},
    "text": {"content": "other words"},
    "date": {"date": at(30)},
    "settings": {"settings": {"anything": 1}},
    "type": {"type": "draft"},
    "wrong": {"date": "some day"},
}


def at_create(*, is_sent: bool) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies before the first create leaves, or when Postiz has carried it out."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        sending = transport.send

        async def send(request: Any) -> Any:
            if request.method == "POST" and not is_sent:
                die()
            answer = await sending(request)
            if request.method == "POST":
                die()
            return answer

        transport.send = send  # type: ignore[method-assign]

    return arm
