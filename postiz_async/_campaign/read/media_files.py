"""Find the file that a media cell means, within the folders that a campaign may use.

A campaign may come from a stranger. So its cells may only name files in the folder of the campaign
and in allowed folders, with symbolic links resolved; a `Path` that a program gives is the program's
own and may lead anywhere.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import TypeAlias
from unicodedata import normalize

from postiz_async._resources.channel_names import folded
from postiz_async._uploads import shown_name
from postiz_async.errors import ConfigurationError, InvalidInputError, Problem, by_reader

MediaRoot: TypeAlias = Path | str | Iterable[Path | str]
"""One or several folders from which a campaign may take media, besides its own folder."""


def roots_of(media_root: MediaRoot) -> tuple[Path | str, ...]:
    """A sequence of folders, from one folder or any iterable."""
    return (media_root,) if isinstance(media_root, str | Path) else tuple(media_root)


_VIDEOS = {".mp4", ".m4v", ".mov", ".webm", ".avi", ".mkv", ".mpeg", ".mpg"}

_HOME = re.compile(r"~[^/\\]*[/\\]")
_WINDOWS = re.compile(r"[A-Za-z]:[/\\]|\\\\")


def is_video(name: str) -> bool:
    """Whether the name of a medium is that of a video."""
    return PurePath(shown_name(name)).suffix.lower() in _VIDEOS


@dataclass(frozen=True, slots=True)
class MediaFolders:
    """The folders of a campaign's media.

    Args:
        folder: the folder of relative names.
        allowed: the real paths of the allowed folders.
    """

    folder: Path
    allowed: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, media_root: MediaRoot) -> MediaFolders:
        """The folder of a campaign, and the folders allowed besides. Blocking.

        Raises:
            ConfigurationError: there is no such folder.
        """
        roots = roots_of(media_root)
        for root in roots:
            if not Path(root).is_dir():
                raise ConfigurationError(
                    f"The media root {root} is not a folder. Give the one that holds the media, or "
                    "leave it out: the folder of the campaign is allowed anyway."
                )
        return cls(folder, tuple(_real(Path(root)) for root in [folder, *roots]))

    def find(self, name: str, *, is_trusted: bool) -> Path:
        """The real path of the file that a cell means; the file need not exist.

        Args:
            name: the name in the cell.
            is_trusted: whether it may lead anywhere.

        Raises:
            InvalidInputError: the file is outside of the allowed folders.
        """
        if not is_trusted and _HOME.match(name):
            raise _refuse(
                f"{name} begins with ~, which only a shell replaces", "write the whole path"
            )
        if not is_trusted and os.name != "nt" and _WINDOWS.match(name):
            raise _refuse(f"{name} is a Windows path", "write it relative to the campaign's folder")
        try:
            path, found = name, self._spelled(name)
            if "\\" in name and os.name != "nt" and not is_trusted and not found.exists():
                path = name.replace("\\", "/")  # as Windows writes it
                found = self._spelled(path)
        except ValueError:
            raise _refuse(f"{name} is not the name of a file") from None
        if is_trusted or any(found.is_relative_to(root) for root in self.allowed):
            return found
        home = self.allowed[0]
        written = Path(os.path.normpath(home / path))
        is_link = any(written.is_relative_to(root) for root in self.allowed)
        where = f"is a link to {found}, which lies" if is_link else "lies"
        raise _refuse(
            f"{name} {where} outside of the campaign's folder ({home})",
            "copy the file there, or allow its folder: "
            + by_reader("--media-root DIR", "media_root="),
        )

    def _spelled(self, name: str) -> Path:
        """The real path of a name; if only another Unicode form of its accents exists, that one."""
        path = _real(self.folder / name)
        if name.isascii() or path.exists():
            return path
        found = other_spelling(path, spellings, partial(normalize, "NFC"))
        return path if found is None else _real(found)  # below another folder there may be links


def other_spelling(
    missing: Path,
    names: Callable[[Path], Mapping[str, list[str]]],
    form: Callable[[str], str] = folded,
) -> Path | None:
    """The file that was probably meant: its name differs in case, or in the form of accents.

    On macOS and Windows, where the campaign may have been made, both names are equal. Blocking.

    Args:
        missing: the real path without a file.
        names: `spellings`, or a cached version of it.
        form: the normal form of spellings.
    """
    found = Path(missing.anchor)
    for part in missing.parts[1:]:
        if not (found / part).exists():
            alike = [
                name
                for name in names(found).get(folded(part), ())
                if name != part and form(name) == form(part)
            ]
            if len(alike) != 1 or (found / alike[0]).is_symlink():  # which may lead anywhere
                return None
            part = alike[0]  # noqa: PLW2901
        found /= part
    return found


def spellings(folder: Path) -> Mapping[str, list[str]]:
    """The names in a folder by the normal form of their spelling."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    try:
        for path in folder.iterdir():
            found[folded(path.name)].append(path.name)
    except OSError:  # no folder, or not ours to read: there is nothing to propose
        return {}
    return found


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse(message: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError([Problem("media", message, hint=hint)])
