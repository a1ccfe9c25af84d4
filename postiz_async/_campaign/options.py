"""Options of a campaign that users choose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from postiz_async._campaign.read.read_options import FileOptions, ReadOptions, merged_reading
from postiz_async._campaign.read.rows import MAX_ALIGN
from postiz_async._delivery.options import Late, LateRule, OnDoubt, checked_late
from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import read_duration

Existing: TypeAlias = Literal["refuse", "adopt", "again"]
"""How to treat rows that are in Postiz without a journal: stop, adopt them, or send them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOptions:
    """The options of a campaign; `Postiz.campaign` explains them.

    Raises:
        ConfigurationError: dates cannot move by `align`.
        UsageError: rows cannot move by `late`.
    """

    journal: Path | Secret | str | None = None
    schema: str = "postiz_async"
    name: str | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    media_root: tuple[Path | str, ...] = ()
    align: float | timedelta | str | None = None
    late: Late = "skip"
    skip_invalid: bool = False
    on_doubt: OnDoubt = "skip"
    existing: Existing = "refuse"
    span: timedelta = field(init=False)
    """The parsed `align`: how far dates may move so that posts share a request."""
    late_rule: LateRule = field(init=False)
    """The parsed `late`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "span", read_span(self.align))  # which is frozen
        object.__setattr__(self, "late_rule", checked_late(self.late))

    def with_kept(self, kept: FileOptions) -> CampaignOptions:
        """Fill in saved options of the campaign where none was given."""
        return replace(
            self,
            name=kept.name if self.name is None else self.name,
            reading=merged_reading(self.reading, kept),
            media_root=self.media_root or kept.media_root,
            align=kept.align if self.align is None else self.align,
        )


def read_span(said: float | timedelta | str | None) -> timedelta:
    """Parse how far dates may move: `15m`, `1h`, `0`, seconds; None: not at all.

    Raises:
        ConfigurationError: the text has another form, is not in whole seconds, or is longer than a
            week.
    """
    align = timedelta(0) if said is None else read_duration(said)
    if align is None:
        raise ConfigurationError(
            f"--align (align=) is {said!r}; say how far, like 15m (s, m, h or d) or 0."
        )
    if not timedelta(0) <= align <= MAX_ALIGN or align.microseconds:
        raise ConfigurationError(
            f"Dates cannot move by {align} (--align, align=); say whole seconds from 0 to "
            f"{MAX_ALIGN.days} days."
        )
    return align
