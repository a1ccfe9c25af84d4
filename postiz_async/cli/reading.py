"""How a campaign file is to be read, as it is said on a command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from postiz_async.batch.reading import ReadOptions
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ReadAs", "find_reading"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """Where a campaign file is not as the columns have it."""

    timezone: Annotated[
        str | None,
        Parameter(help="The time zone of dates that have none, like Europe/Berlin."),
    ] = None
    zone: Annotated[
        list[str] | None,
        Parameter(help="The same for one channel, like mastodon=Asia/Tokyo; may be repeated."),
    ] = None
    date_format: Annotated[
        str | None,
        Parameter(help="How dates are written, like '%d.%m.%Y %H:%M' (as strptime has it)."),
    ] = None
    column: Annotated[
        list[str] | None,
        Parameter(
            help="A column of the file that has another name: Text=content. Notes= leaves a "
            "column out. May be repeated."
        ),
    ] = None
    default: Annotated[
        list[str] | None,
        Parameter(help="What empty cells of a column say: tags=news; may be repeated."),
    ] = None
    template: Annotated[
        bool,
        Parameter(help="Fill {name} in texts and settings with the row's column of that name."),
    ] = False


def find_reading(said: ReadAs) -> ReadOptions:
    """What was said, as the batch takes it.

    Raises:
        ConfigurationError: something has no `=`, or is said twice.
    """
    return ReadOptions(
        columns=_pairs("--column", said.column, "Text=content", str.rpartition),
        defaults=_pairs("--default", said.default, "tags=news", str.partition),
        date_format=said.date_format,
        timezone=said.timezone,
        timezones=_pairs("--zone", said.zone, "mastodon=Asia/Tokyo", str.rpartition),
        template=said.template,
    )


def _pairs(
    option: str,
    said: Iterable[str] | None,
    example: str,
    cut: Callable[[str, str], tuple[str, str, str]],
) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in said or ():
        name, sign, value = cut(text, "=")
        if not sign or not name.strip():
            raise ConfigurationError(f"{option} is {text!r}; write it like {option} {example}")
        if name in pairs:
            raise ConfigurationError(f"{option} names {name!r} twice.")
        pairs[name] = value
    return pairs
