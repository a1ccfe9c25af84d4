"""The page of a campaign for whoever reads it, with small pictures of its media for a client.

A campaign may come from a stranger: only files in its folders are opened, as in a run, and of a
picture nothing but its pixels comes into the page. No web address is fetched.
"""

from __future__ import annotations

import base64
import io
import logging
import warnings
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from postiz_async._campaign.after.report.client import client_page
from postiz_async._campaign.after.report.data import Facts
from postiz_async._campaign.after.report.html import html_report
from postiz_async._campaign.read.media_files import MediaFolders, MediaRoot
from postiz_async._extras import extra_needed
from postiz_async._uploads import is_url, shown_name
from postiz_async.errors import ConfigurationError, InvalidInputError

Audience: TypeAlias = Literal["operator", "client"]
"""Who reads a page: who runs the campaign, or for whom it is run."""


def make_page(facts: Facts, audience: Audience, folder: Path, media_root: MediaRoot) -> str:
    """Make the page for an audience. Blocking.

    Args:
        facts: the data of the report.
        audience: who reads the page.
        folder: the folder of the campaign, to which names of media are relative.
        media_root: other folders from which it may take media.

    Raises:
        ConfigurationError: there is no such audience, or a media root is not a folder.
    """
    if audience not in get_args(Audience):
        known = " or ".join(get_args(Audience))
        raise ConfigurationError(f"A report is for {known}, not for {audience!r}.")
    if audience == "operator":
        return html_report(facts)
    pictures = Pictures(MediaFolders.of(folder, media_root))
    made = client_page(facts, pictures.source)
    pictures.report()
    return made


# ------------------------------------------------------------------ pictures

log = logging.getLogger("postiz_async.campaign")

ROOM = 8_000_000
"""Bytes of all pictures of a page, so that a mail takes it."""

_SIDE = 360
"""Pixels of the longer side."""

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_MOST_PIXELS = 60_000_000
"""Pixels of a file that is opened; larger ones would take much memory."""

_NAMED = 5
"""Names of files in a remark, at most."""


class Pictures:
    """Makes pictures small, each once, until the page is full. Blocking.

    Args:
        folders: the folders of the campaign's media.
        room: bytes of all pictures of a page, at most.
    """

    def __init__(self, folders: MediaFolders, room: int = ROOM) -> None:
        self._folders = folders
        self._made: dict[str, str] = {}
        self._room = room
        self._left_out: dict[str, set[str]] = {}

    def source(self, name: str) -> str:
        """The small picture of a medium, as the `src` of an image; empty if it is left out."""
        if is_url(name):
            return self._without(shown_name(name), "a web address, which is not fetched")
        if name not in self._made:
            try:
                self._made[name] = self._small(name)
            except ImportError:
                return self._without(name, extra_needed("pictures need", "pictures"))
            except InvalidInputError as error:
                return self._without(name, error.problems[0].message.removeprefix(f"{name} "))
            except FileNotFoundError:
                return self._without(name, "is missing")
            except Exception as error:  # noqa: BLE001  (of a decoder, about a file of a stranger)
                return self._without(name, f"cannot be read ({type(error).__name__})")
        picture = self._made[name]
        if len(picture) > self._room:
            return self._without(name, "no room is left in the page")
        self._room -= len(picture)
        return picture

    def _without(self, name: str, why: str) -> str:
        self._left_out.setdefault(why, set()).add(name)
        return ""

    def report(self) -> None:
        """Log which pictures the page lacks, and why."""
        for why, names in self._left_out.items():
            named = ", ".join(sorted(names)[:_NAMED])
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            log.warning("The page is without %s%s: %s", named, more, why)

    def _small(self, name: str) -> str:
        path = self._folders.find(name, is_trusted=False)
        return f"data:image/jpeg;base64,{base64.b64encode(_thumbnail(path)).decode()}"


def _thumbnail(path: Path) -> bytes:
    """A small JPEG of a picture, upright, on white, and without what else is in the file."""
    from PIL import Image, ImageOps  # noqa: PLC0415  (an extra)

    with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as opened:
        if opened.width * opened.height > _MOST_PIXELS:
            raise ValueError("it has too many pixels")
        opened.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # a JPEG is decoded at a fraction of its size
        small = opened.convert("RGBA")
    small.thumbnail((_SIDE, _SIDE))
    ImageOps.exif_transpose(small, in_place=True)
    flat = Image.new("RGB", small.size, "white")
    flat.paste(small, mask=small.getchannel("A"))
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=75, optimize=True)
    return out.getvalue()
