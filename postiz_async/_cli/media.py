"""The command `media`, for uploads with progress bars, and generated videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from postiz_async._cli.display import DisplayGuard
from postiz_async._cli.help import COMMON
from postiz_async._cli.options import ApiOptions, Yes, json_object
from postiz_async._cli.output import Output, confirm, short_moment
from postiz_async._cli.results import Result, error_result
from postiz_async._uploads.urls import is_url, shown
from postiz_async.errors import InvalidInputError, PostizError
from postiz_async.models.media import ListedMedia, Media
from postiz_async.models.video import SlidesVideo, Veo3Video

_NAME = 30
"""Most characters of a name next to its bar."""


class UploadDisplay:
    """A bar for each upload in progress on a terminal; nothing elsewhere.

    Args:
        output: where to show it.
        sources: the uploads, as the user named them.
    """

    def __init__(self, output: Output, sources: Sequence[str]) -> None:
        self._names = [_label(source) for source in sources]
        self._bars: dict[int, TaskID] = {}
        self._guarded = DisplayGuard()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=output.notes,
            transient=True,
            disable=not output.shows_progress,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def sent(self, place: int, sent: int, total: int | None) -> None:
        """Move the bar of a source."""
        with self._guarded():
            if place not in self._bars:
                self._bars[place] = self._progress.add_task(self._names[place], total=total)
            bar, is_over = self._bars[place], sent == total
            self._progress.update(bar, completed=sent, total=total, visible=not is_over)


def show_uploads(
    output: Output, sources: Sequence[str], results: Sequence[Media | Exception]
) -> int:
    """Print the medium or the error of each source.

    Returns:
        The exit code: 0, or 1 if some failed.

    Raises:
        PostizError: all failed; this is the first of their errors.
    """
    errors = [each for each in results if isinstance(each, Exception)]
    foreign = next((each for each in errors if not isinstance(each, PostizError)), None)
    if output.as_json:
        output.json([_document(*each) for each in zip(sources, results, strict=True)])
    if foreign is not None or (errors and len(errors) == len(results)):
        if len(errors) > 1 and not output.as_json:
            _say_errors(output, sources, results)
        raise foreign or errors[0]
    if not output.as_json:
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
            name, words = _name(source), _words(result)
            output.fault(words if words.startswith(name) else f"{name}: {words}")


def _document(source: str, result: Media | Exception) -> Media | Result:
    if not isinstance(result, Exception):
        return result
    error = {**error_result(result, 1), "message": _words(result)}
    return {"source": _name(source), "error": error}


def _words(error: Exception) -> str:
    if isinstance(error, InvalidInputError):
        return "; ".join(
            f"{each.message} ({each.hint})" if each.hint else each.message
            for each in error.problems
        )
    return str(error)


def _name(source: str) -> str:
    """A source without secrets, for display."""
    return shown(source) if is_url(source) else source


def _label(source: str) -> str:
    """The end of a name, which is its most useful part."""
    name = _name(source)
    return name if len(name) <= _NAME else "..." + name[3 - _NAME :]


app = App(
    name="media",
    help="List, upload and generate pictures and videos.",
    group_parameters=COMMON,
)


@app.command(name="list")
async def list_media(
    *,
    search: str = "",
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 50,
    api: ApiOptions = ApiOptions(),
) -> None:
    """List the media that are stored, newest first.

    Needs a Postiz after v2.23.0. What was uploaded by the API, as by this program, has no original
    name.

    Args:
        search: Only those whose original name contains this.
        limit: The largest number to show.
    """
    output, found = Output(as_json=api.json), list[ListedMedia]()
    async with api.client() as postiz:
        async for each in postiz.media.list(search=search):
            found.append(each)
            if len(found) >= limit:
                break
    if not found and not api.json:
        output.say("There are no media." if not search else f"No media are called {search!r}.")
        return
    zone = api.zone
    rows = [
        (short_moment(each.created_at, zone), each.original_name or "", each.id, each.path)
        for each in found
    ]
    output.listing(found, [f"date ({zone})", "original name", "id", "path"], rows)


def _show(media: Media, *, as_json: bool) -> None:
    Output(as_json=as_json).listing([media], ["id", "path"], [(media.id, media.path)])


@app.command
async def upload(
    sources: list[str],
    /,
    *,
    concurrency: int = 3,
    api: ApiOptions = ApiOptions(),
) -> int:
    """Upload files, equal ones once.

    A failure does not end the others; then the exit code is 1.

    Args:
        sources: Pictures (10 MiB), MP4 videos (1 GiB), or https addresses of them.
        concurrency: Uploads at a time.
    """
    output = Output(as_json=api.json)
    async with api.client() as postiz:
        with UploadDisplay(output, sources) as display:
            results = await postiz.media.upload_many(
                sources,
                concurrency=concurrency,
                return_exceptions=True,
                progress=display.sent,
            )
    return show_uploads(output, sources, results)


@app.command
async def upload_url(url: str, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Let the server fetch a file.

    Args:
        url: A public https address that ends in .png, .jpg ...
    """
    async with api.client() as postiz:
        media = await postiz.media.upload_from_url(url)
    _show(media, as_json=api.json)


@app.command
async def function(
    identifier: str,
    name: str,
    params: str | None = None,
    /,
    *,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Call a function of a video generator.

    Prints JSON, also without --json.

    Args:
        identifier: The generator, such as image-text-slides.
        name: What to ask it, such as loadVoices.
        params: What it takes, as a JSON object.
    """
    values = json_object("params", params) if params is not None else {}
    async with api.client() as postiz:
        answer = await postiz.media.video_function(identifier, name, values)
    Output(as_json=True).json(answer)


@app.command
async def video(
    prompt: str,
    /,
    *,
    voice: str | None = None,
    orientation: Literal["vertical", "horizontal"] = "vertical",
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Generate a video. Costs a credit, and may take half an hour.

    Args:
        prompt: What it shall show.
        voice: Pictures with this voice; a veo3 film if not given.
        orientation: Its shape.
    """
    confirm("This costs a credit of the plan. Generate the video?", yes=yes)
    wanted = (
        SlidesVideo(prompt=prompt, voice=voice, output=orientation)
        if voice is not None
        else Veo3Video(prompt=prompt, output=orientation)
    )
    async with api.client() as postiz:
        media = await postiz.media.generate_video(wanted)
    _show(media, as_json=api.json)
