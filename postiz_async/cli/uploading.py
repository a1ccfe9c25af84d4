"""What a person sees of uploads: bars while they go, then what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from postiz_async.cli.output import printable
from postiz_async.errors import InvalidPostError, PostizError
from postiz_async.uploads.addresses import is_url, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from postiz_async.cli.output import Output
    from postiz_async.models.media import Media

__all__ = ["UploadDisplay", "show_uploads"]

_NAME = 30
"""Characters of a name beside its bar."""


class UploadDisplay:
    """A bar for each upload under way, on a terminal; nothing elsewhere.

    Args:
        output: where to.
        sources: what is uploaded, as the user named it.
    """

    def __init__(self, output: Output, sources: Sequence[str]) -> None:
        console = output.notes
        self._names = [_label(source) for source in sources]
        self._bars: dict[int, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal or console.is_dumb_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def sent(self, place: int, sent: int, total: int | None) -> None:
        """Move the bar of a source."""
        if place not in self._bars:
            self._bars[place] = self._progress.add_task(self._names[place], total=total)
        is_over = sent == total
        self._progress.update(self._bars[place], completed=sent, total=total, visible=not is_over)


def show_uploads(
    output: Output, sources: Sequence[str], results: Sequence[Media | Exception]
) -> int:
    """Print what became of each source.

    Returns:
        The exit code: 0, or 1 if some failed.

    Raises:
        PostizError: all failed; this is the first of their errors.
    """
    errors = [each for each in results if isinstance(each, Exception)]
    foreign = next((each for each in errors if not isinstance(each, PostizError)), None)
    if foreign is not None or (errors and len(errors) == len(results)):
        if len(errors) > 1:
            _say_errors(output, sources, results)
        raise foreign or errors[0]
    if output.as_json:
        output.json([_document(*each) for each in zip(sources, results, strict=True)])
    else:
        named = zip(sources, results, strict=True)
        rows = [(_name(s), r.id, r.path) for s, r in named if not isinstance(r, Exception)]
        output.table(["source", "id", "path"], rows)
    _say_errors(output, sources, results)
    return 1 if errors else 0


def _say_errors(
    output: Output, sources: Sequence[str], results: Sequence[Media | Exception]
) -> None:
    for source, result in zip(sources, results, strict=True):
        if isinstance(result, Exception):
            output.fault(f"{_name(source)}: {_words(result)}")


def _document(source: str, result: Media | Exception) -> object:
    if not isinstance(result, Exception):
        return result
    error = {"kind": type(result).__name__, "message": _words(result)}
    return {"source": _name(source), "error": error}


def _words(error: Exception) -> str:
    if isinstance(error, InvalidPostError):
        return "; ".join(
            f"{each.message} ({each.hint})" if each.hint else each.message
            for each in error.problems
        )
    return str(error)


def _name(source: str) -> str:
    """A source as it may be shown."""
    return printable(shown(source) if is_url(source) else source)


def _label(source: str) -> str:
    """The end of a name, which tells most."""
    name = _name(source)
    return name if len(name) <= _NAME else "..." + name[3 - _NAME :]
