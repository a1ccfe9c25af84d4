"""What a row counts as in a report, and what somebody should do about it. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postiz_async._campaign.journal.rows import Finding
from postiz_async._delivery.outcomes import RowState

if TYPE_CHECKING:
    from postiz_async._campaign.journal.rows import RowRecord


class RowLabel(NamedTuple):
    """A state, or a finding that outweighs it.

    `sign` stands for it where there is no room for its name, `tone` is its colour in a page.
    `advice` says what to do; it is empty where nothing is to be done. `one` and `many` go on after
    "1 post" and "2 posts" in the title of such rows.
    """

    name: str
    sign: str
    tone: str
    advice: str = ""
    one: str = ""
    many: str = ""


_STATES = (
    RowLabel(RowState.PUBLISHED, "●", "out"),
    RowLabel(RowState.STORED, "✓", "good"),
    RowLabel(RowState.PLANNED, "○", "open"),
    RowLabel(RowState.SENDING, "…", "open"),
    RowLabel(
        RowState.UNKNOWN,
        "¿",
        "doubt",
        "The answer was lost. Run the campaign again: the post is looked up, and sent again only "
        "if it is proved not to be there.",
        "got no answer yet",
        "got no answer yet",
    ),
    RowLabel(
        RowState.UNDECIDED,
        "?",
        "doubt",
        "Nobody could find out in time whether the post is stored, so it was not sent again. Look "
        "in Postiz at its date. If it is missing, give the row a later date, or take it out of "
        "the file, and run the campaign again.",
        "may be stored or not",
        "may be stored or not",
    ),
    RowLabel(
        RowState.REFUSED,
        "\N{MULTIPLICATION SIGN}",
        "bad",
        "Postiz refused the post, in these words. Correct the row in the campaign file and run the "
        "campaign again; only what is not stored is sent.",
        "was refused by Postiz",
        "were refused by Postiz",
    ),
    RowLabel(
        RowState.FAILED,
        "!",
        "bad",
        "The network refused the post when it was due. Correct what it says, then publish the "
        "post in Postiz, or give its row a new ref and a later date and run again.",
        "was refused by its network",
        "were refused by their networks",
    ),
    RowLabel(
        RowState.LATE,
        "►",
        "warn",
        "The date passed before a request could leave, so it was not sent. Give the row a later "
        "date and run again, or run with --late send or --late shift=15m.",
        "was not sent because its date had passed",
        "were not sent because their dates had passed",
    ),
    RowLabel(
        RowState.WITHDRAWING,
        "¬",
        "doubt",
        "It was to be deleted, and it is not certain yet that it is. Repeat the command that "
        "deletes it: postiz-async undo, or update --prune.",
        "was to be deleted and may still be there",
        "were to be deleted and may still be there",
    ),
    RowLabel(RowState.WITHDRAWN, "↶", "open"),
    RowLabel(
        RowState.SKIPPED,
        "-",
        "open",
        "Not sent, because the row is not in the campaign file any more. Put it back if that was "
        "a mistake, and run again.",
        "was not sent because it is no longer in the file",
        "were not sent because they are no longer in the file",
    ),
)
_FINDINGS = (
    RowLabel(
        Finding.STUCK,
        "▲",
        "warn",
        "The date is over and Postiz has not published the post. Look whether the part of Postiz "
        "that publishes is running. Do not send it again: it may still go out.",
        "is due and not published",
        "are due and not published",
    ),
    RowLabel(
        Finding.DELETED,
        "÷",
        "warn",
        "Somebody deleted the post in Postiz; it stays so. To have it after all, give its row a "
        "new ref and run again.",
        "was deleted in Postiz",
        "were deleted in Postiz",
    ),
    RowLabel(
        Finding.DOUBLED,
        "‖",
        "bad",
        "The post was stored more than once. Where it still is, delete the other one, which is "
        "named with its row, in Postiz.",
        "was stored more than once",
        "were stored more than once",
    ),
    RowLabel(
        Finding.DEDUPLICATED,
        "~",
        "open",
        "The post was stored more than once, as by two hosts at a time; the others were deleted. "
        "Nothing has to be done.",
        "was stored twice and is stored once now",
        "were stored twice and are stored once now",
    ),
    RowLabel(
        Finding.HIDDEN,
        "◊",
        "warn",
        "The channel is gone from Postiz, which does not list its posts then. Connect it again "
        "and look with: postiz-async reconcile",
        "is on a channel that is gone",
        "are on channels that are gone",
    ),
    RowLabel(
        Finding.EQUAL,
        "=",
        "warn",
        "Somebody else stored the same text for the same moment. Delete one of the two in Postiz "
        "if that was not meant.",
        "equals one of somebody else",
        "equal one of somebody else",
    ),
    RowLabel(
        Finding.CHANGED,
        "≠",
        "warn",
        "The campaign file says something else than what is stored. postiz-async update changes "
        "the post.",
        "differs from the campaign file",
        "differ from the campaign file",
    ),
    RowLabel(
        Finding.MOVED,
        "↔",
        "open",
        "Somebody moved or edited the post in Postiz; it stays so. Nothing has to be done.",
        "was moved or edited in Postiz",
        "were moved or edited in Postiz",
    ),
    RowLabel(
        Finding.SHIFTED,
        "→",
        "open",
        "The post was late and got a later date, as was asked for. Nothing has to be done.",
        "was late and got a later date",
        "were late and got a later date",
    ),
)

KINDS: dict[str, RowLabel] = {kind.name: kind for kind in (*_STATES, *_FINDINGS)}
"""By the value of the state or finding."""

_OUTWEIGHS = {Finding.STUCK, Finding.DELETED, Finding.DOUBLED, Finding.HIDDEN}
"""After these it means little that a post was stored."""


def kind_of(row: RowRecord) -> RowLabel:
    """What a row counts as: its state, unless something weightier was found."""
    return KINDS[row.finding.value if row.finding in _OUTWEIGHS else row.state.value]


def findings(row: RowRecord) -> list[RowLabel]:
    """Everything that is to be said of a row, if somebody has to know of it."""
    kinds = [KINDS[name] for name in (row.state.value, row.finding.value) if name in KINDS]
    return [kind for kind in kinds if kind.advice]


def title_of(kind: RowLabel, number: int) -> str:
    """A number of rows of a kind in words: `30 posts were refused by Postiz`."""
    what = kind.one if number == 1 else kind.many
    return f"{number:,} post{'' if number == 1 else 's'} {what or kind.name}"
