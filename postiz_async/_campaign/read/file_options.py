"""What was said of a campaign file, kept beside it: `campaign.toml`."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import tomli_w
from msgspec import structs

from postiz_async._campaign.read.read_options import ReadOptions, rules_of
from postiz_async._campaign.read.spreadsheets import is_spreadsheet
from postiz_async._resources.channel_names import folded
from postiz_async.errors import BatchError
from postiz_async.stores._files import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postiz_async._campaign.read.source import CampaignSource


_MOST = 1_000_000
"""Bytes of options that are read."""

_HEAD = """\
# How every command reads {name}; options on the command line override this.
# postiz-async plan {name} --save ... rewrites this file.
"""


class FileOptions(ReadOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that describes a campaign file.

    Args:
        campaign: its name, with which its posts are marked.
        align: how far dates may move, like `15m`.
        media_root: folders from which it may take media; relative ones begin at its own.
    """

    campaign: str | None = None
    align: str | None = None
    media_root: tuple[str, ...] = ()

    @classmethod
    def saved(cls, source: CampaignSource) -> FileOptions:
        """What `Batch.save_options` saved next to a campaign file; nothing if that is not there.

        Files of one name share it: a CSV leaves out the sheet, a spreadsheet the encoding.

        Args:
            source: the campaign.

        Raises:
            BatchError: it cannot be read, or has something that is not an option.
        """
        if not isinstance(source, str | Path) or not Path(source).name:
            return FileOptions()
        path = options_path(Path(source))
        try:
            if not path.exists():
                return FileOptions()
            if not path.is_file() or path.stat().st_size > _MOST:
                raise ValueError("it is not a file of text")
            found = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise BatchError(
                f"{path}, which says how {source} is read, is unreadable: {error}."
            ) from error
        known = FileOptions.__struct_fields__
        for name in found:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = (
                    f"Did you mean {close[0]!r}?" if close else f"It may have: {', '.join(known)}."
                )
                raise BatchError(
                    f"{path} says how {source} is read, and has the unknown key {name!r}. {hint}"
                )
        try:
            kept = msgspec.convert(found, FileOptions)
        except msgspec.ValidationError as error:
            raise BatchError(f"{path} says how {source} is read, and is wrong: {error}.") from error
        folder = Path(source).parent
        is_sheet = is_spreadsheet(Path(source))
        kept = structs.replace(
            kept,
            media_root=tuple(str(folder / root) for root in kept.media_root),
            sheet=kept.sheet if is_sheet else None,
            encoding=None if is_sheet else kept.encoding,
        )
        try:
            rules_of(structs.replace(kept, date_format=None))  # whose times may be said elsewhere
        except BatchError as error:
            raise BatchError(f"{path} says how {source} is read, and is wrong: {error}") from error
        return kept


def options_path(campaign: Path) -> Path:
    """Where the options of a campaign are kept."""
    return campaign.with_suffix(".toml")


def merged_reading(said: ReadOptions, kept: ReadOptions) -> ReadOptions:
    """How a campaign is read by what is said and, where nothing is, by what is kept beside it."""
    return ReadOptions(
        columns=_columns(said.columns, kept.columns),
        defaults={**kept.defaults, **said.defaults},
        date_format=_first(said.date_format, kept.date_format),
        timezone=_first(said.timezone, kept.timezone),
        timezones={**kept.timezones, **said.timezones},
        encoding=_first(said.encoding, kept.encoding),
        sheet=_first(said.sheet, kept.sheet),
        template=said.template if said.template is not None else kept.template,
        ignore=tuple(dict.fromkeys((*kept.ignore, *said.ignore))),
    )


def _first(said: str | None, kept: str | None) -> str | None:
    return kept if said is None else said


def _columns(said: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """The kept columns but those that are said, by their name or by what they are to be."""
    names = {folded(name) for name in said}
    taken = {to.strip().lower() for to in said.values() if to.strip()}
    left = {
        name: to
        for name, to in kept.items()
        if folded(name) not in names and to.strip().lower() not in taken
    }
    return left | dict(said)


def save_options(
    campaign: Path,
    reading: ReadOptions,
    *,
    name: str | None,
    align: str | None,
    media_root: Sequence[Path | str],
) -> Path:
    """Keep options beside a campaign; those that say nothing are left out.

    Returns:
        Where they are kept.

    Raises:
        BatchError: the file cannot be written.
    """
    said: dict[str, object] = {
        "campaign": name,
        **structs.asdict(reading),
        "align": align,
        "media_root": [_beside(Path(root), campaign.parent) for root in media_root],
    }
    filled = {key: value for key, value in said.items() if value not in (None, {}, [], ())}
    path = options_path(campaign)
    written = tomli_w.dumps(filled)  # tables last, as TOML wants them
    text = _HEAD.format(name=campaign.name) + written
    try:
        replace_file(path, text)
    except OSError as error:
        raise BatchError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _beside(root: Path, folder: Path) -> str:
    """A folder as it is written in a file of another folder."""
    if root.is_absolute():
        return str(root)
    return Path(os.path.relpath(root, folder)).as_posix()
