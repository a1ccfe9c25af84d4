"""`media`: uploads and generated videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from postiz_async.cli.output import Output, confirm
from postiz_async.cli.settings import (
    Connection,
    Json,
    find_target,
    json_object,
    open_client,
)
from postiz_async.cli.uploading import UploadDisplay, show_uploads
from postiz_async.models.video import SlidesVideo, Veo3Video

if TYPE_CHECKING:
    from postiz_async.models.media import Media

__all__ = ["app"]

app = App(name="media", help="Upload pictures and videos, generate videos.")


def _show(output: Output, media: list[Media]) -> None:
    if output.as_json:
        output.json(media)
    else:
        output.table(["id", "path"], [(each.id, each.path) for each in media])


@app.command
async def upload(
    sources: Annotated[
        list[str], Parameter(help="Pictures (10 MiB), MP4 videos (1 GiB), or URLs of them.")
    ],
    /,
    *,
    concurrency: Annotated[int, Parameter(help="Uploads at a time.")] = 3,
    cache: Annotated[
        Path | None,
        Parameter(help="A file that remembers for a day what was uploaded, for the next run."),
    ] = None,
    allow_private: Annotated[
        bool, Parameter(help="Also fetch URLs of this machine and of private networks.")
    ] = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Upload files, equal ones once. A failure does not end the others; then the exit code is 1."""
    output = Output(as_json=json)
    async with open_client(find_target(connection)) as postiz:
        with UploadDisplay(output, sources) as display:
            results = await postiz.media.upload_many(
                sources,
                concurrency=concurrency,
                return_exceptions=True,
                progress=display.sent,
                cache=cache,
                allow_private=allow_private,
            )
    return show_uploads(output, sources, results)


@app.command
async def upload_url(
    url: Annotated[str, Parameter(help="A public https address that ends in .png, .jpg ...")],
    /,
    *,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Let the server fetch a file."""
    async with open_client(find_target(connection)) as postiz:
        media = await postiz.media.upload_from_url(url)
    _show(Output(as_json=json), [media])
    return 0


@app.command
async def voices(
    *,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """List the voices for a slides video."""
    output = Output(as_json=json)
    async with open_client(find_target(connection)) as postiz:
        listed = await postiz.media.voices()
    if json:
        output.json(listed)
    else:
        output.table(
            ["id", "name", "sample"], [(v.id, v.name, v.preview_url or "") for v in listed]
        )
    return 0


@app.command
async def function(
    identifier: Annotated[str, Parameter(help="The generator, such as image-text-slides.")],
    name: Annotated[str, Parameter(help="What to ask it, such as loadVoices.")],
    params: Annotated[str | None, Parameter(help="What it takes, as a JSON object.")] = None,
    /,
    *,
    connection: Connection = Connection(),
) -> int:
    """Ask a video generator something. Prints JSON."""
    values = json_object("params", params) if params is not None else {}
    async with open_client(find_target(connection)) as postiz:
        answer = await postiz.media.video_function(identifier, name, values)
    Output(as_json=True).json(answer)
    return 0


@app.command
async def video(
    prompt: Annotated[str, Parameter(help="What it shall show.")],
    /,
    *,
    voice: Annotated[
        str | None, Parameter(help="Pictures with this voice; a veo3 film if not given.")
    ] = None,
    output: Annotated[Literal["vertical", "horizontal"], Parameter(help="Its shape.")] = "vertical",
    yes: Annotated[bool, Parameter(help="Do not ask.")] = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Generate a video. Costs a credit of the plan, and may take half an hour."""
    confirm("This costs a credit of the plan. Generate the video?", yes=yes)
    wanted = (
        SlidesVideo(prompt=prompt, voice=voice, output=output)
        if voice is not None
        else Veo3Video(prompt=prompt, output=output)
    )
    async with open_client(find_target(connection)) as postiz:
        media = await postiz.media.generate_video(wanted)
    _show(Output(as_json=json), [media])
    return 0
