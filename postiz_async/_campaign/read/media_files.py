"""Which file a media cell means, and whether the campaign may have it.

A campaign may come from a stranger. So what its cells say stays within the folder of the campaign
and those that were allowed, with symbolic links followed; a `Path` that a program gives is the
program's own and may lead anywhere.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias
from unicodedata import normalize

from postiz_async._resources.channel_names import folded
from postiz_async.errors import ConfigurationError, InvalidPostError, Problem, by_reader

MediaRoot: TypeAlias = Path | str | Iterable[Path | str]
"""A folder, or several, from which a campaign may take media besides its own."""


def roots_of(media_root: MediaRoot) -> tuple[Path | str, ...]:
    """The folders, of which several may be given in any iterable."""
    return (media_root,) if isinstance(media_root, str | Path) else tuple(media_root)


_HOME = re.compile(r"~[^/\\]*[/\\]")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_WINDOWS = re.compile(r"[A-Za-z]:[/\\]|\\\\")


@dataclass(frozen=True, slots=True)
class MediaFolders:
    """Where the media of a campaign are.

    Args:
        folder: where relative names begin.
        allowed: the real paths of the folders that cells may lead to.
    """

    folder: Path
    allowed: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, media_root: MediaRoot) -> MediaFolders:
        """The folder of a campaign, and those that are allowed beside it. Blocking.

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
        """The real path of the file that a cell means; whether it is there is not looked at.

        Args:
            name: as the cell has it.
            is_trusted: whether it may lead anywhere.

        Raises:
            InvalidPostError: it may not be used.
        """
        if not is_trusted and _HOME.match(name):
            raise _refuse(
                f"{name} begins with ~, which only a shell replaces", "write the whole path"
            )
        if not is_trusted and os.name != "nt" and _WINDOWS.match(name):
            raise _refuse(f"{name} is a Windows path", "write it relative to the campaign's folder")
        if not is_trusted and _WEB.match(name):
            raise _refuse(
                f"{name} is a web address, not a file", "save the file in the campaign's folder"
            )
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
        """The real path of a name, of another form of its accents if only that is there."""
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
    """The file that was probably meant: its name differs in capitals, or in how accents are stored.

    On macOS and Windows, where the campaign may have been made, both are one name. Blocking.

    Args:
        missing: the real path at which nothing is.
        names: `spellings`, or what remembers them.
        form: what the names have in common.
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
    """The names in a folder by what they have in common with those that differ in spelling only."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    try:
        for path in folder.iterdir():
            found[folded(path.name)].append(path.name)
    except OSError:  # no folder, or not ours to read: there is nothing to propose
        return {}
    return found


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse(message: str, hint: str = "") -> InvalidPostError:
    return InvalidPostError([Problem("media", message, hint=hint)])
