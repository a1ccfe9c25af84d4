"""The columns of a campaign, and recognising them by common names or contents. PURE."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import PurePath
from typing import NamedTuple

from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.date_words import read_named
from postiz_async._campaign.read.dates import looks_like_date, read_time
from postiz_async._campaign.read.settings_columns import is_setting, plain_letters, setting_named
from postiz_async._uploads import POSTABLE
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import Problem


class Column(NamedTuple):
    """A column of a campaign.

    `words` are its names in English, German, French, Spanish, Italian, Portuguese, Dutch and
    Polish, without accents and spaces; `is_flag`: its cells are true or false.
    """

    words: str = ""
    is_flag: bool = False


COLUMNS = {
    "channel": Column(
        "integration channels account network networks platform platforms profile page site "
        "social socialnetwork socialmedia "
        "kanal kanale kanaele konto netzwerk netzwerke plattform plattformen profil seite canal "
        "canaux canales canali canais compte reseau plateforme cuenta red "
        "plataforma perfil canale conto rete piattaforma profilo conta rede kanaal netwerk "
        "kanal konto siec"
    ),
    "date": Column(
        "when datetime publishdate publishon publishat scheduledate scheduledat scheduled day "
        "datum termin tag wann veroffentlichung veroffentlichungsdatum zeitpunkt fecha "
        "fechayhora jour quand dateheure data giorno quando dataeora dia publicatiedatum "
        "wanneer dag dzien termin"
    ),
    "time": Column(
        "hour clock timeofday uhrzeit zeit stunde heure hora ora orario tijd uur tijdstip "
        "godzina czas"
    ),
    "timezone": Column(
        "zone tz zeitzone fuseau fuseauhoraire zonahoraria fusoorario fuso fusohorario tijdzone "
        "strefa strefaczasowa"
    ),
    "content": Column(
        "text post caption message body copy description posttext beitrag beitragstext "
        "nachricht inhalt texte contenu legende publication texto contenido mensaje testo "
        "contenuto messaggio didascalia conteudo mensagem legenda tekst bericht inhoud tresc "
        "wiadomosc"
    ),
    "format": Column(),
    "media": Column(
        "image images picture pictures photo photos video file files attachment attachments "
        "bild bilder motiv motive foto fotos datei dateien anhang medien grafik imagen imagenes "
        "archivo "
        "archivos fichier fichiers pieces immagine immagini allegato imagem imagens arquivo "
        "ficheiro afbeelding afbeeldingen bestand bestanden bijlage zdjecie obraz plik"
    ),
    "alt": Column(
        "alttext alternativetext alternativtext bildbeschreibung imagedescription "
        "textealternatif textoalternativo testoalternativo alttekst"
    ),
    "link": Column("url weblink webadresse lien enlace collegamento landingpage zielseite"),
    "settings": Column(
        "options einstellungen optionen parametres ajustes opciones impostazioni opzioni "
        "configuracoes opcoes instellingen ustawienia"
    ),
    "tags": Column(
        "tag label labels schlagwort schlagworte schlagworter etikett kategorie etiquette "
        "etiquettes motscles etiqueta etiquetas etichetta etichette trefwoord trefwoorden "
        "etykiety"
    ),
    "type": Column("kind art typ typen genre tipo soort rodzaj"),
    "thread": Column(
        "comments replies kommentare antworten commentaires comentarios commenti reacties"
    ),
    "short_link": Column(is_flag=True),
    "repeat": Column("every wiederholung wiederholen repeter repetir ripeti herhalen"),
    "repeat_days": Column(),
    "tolerance": Column(),
    "ref": Column("id reference key nummer nr kennung referenz referencia riferimento referencia"),
    "needs_media": Column(is_flag=True),
    "state": Column(),
}
"""The columns; `CampaignRow` and docs/bulk-jobs.md explain them."""

OTHER_NAMES = {"integration": "channel", "at": "date"}
"""Other names of columns: the word of Postiz, and that of this library's calls."""

FIGURE = "figure"
"""The prefix of columns with figures, which an exported file may have and which are not read."""
EXPORT_ONLY = {"needs_media", "state"}
"""Columns that identify an exported file."""

_PARTS = {
    "thread 2": "firstcomment ersterkommentar premiercommentaire primercomentario primocommento "
    "primeirocomentario eerstereactie pierwszykomentarz",
    "thread 3": "secondcomment zweiterkommentar deuxiemecommentaire segundocomentario "
    "secondocommento tweedereactie drugikomentarz",
}
"""Common names of the first parts of a thread."""
_THREAD = re.compile(r"thread[ _-]?(\d{1,3})")

_WORDS = {name: column.words for name, column in COLUMNS.items()} | _PARTS
_MEANT = {word: target for target, words in _WORDS.items() for word in words.split()}
_NO_LETTER = re.compile(r"[^a-z]+")
_MEDIA = frozenset((".jpeg", *POSTABLE.values()))
_LONG_TEXT = 25
LONGEST_NAME = 40
"""Characters of a name that can be recognised, at most."""
_MOST = 0.8
"""Share of a column's cells that have to match for the column to be recognised by its contents."""


def thread_column(name: str) -> int | None:
    """The number in the name of a thread column, such as `thread 2`; None for other columns."""
    found = _THREAD.fullmatch(name) if name.startswith("thread") else None
    return int(found[1]) if found else None


def is_column(name: str) -> bool:
    """Whether a name is a column of a campaign."""
    return (
        name in COLUMNS
        or name.startswith(FIGURE)
        or thread_column(name) is not None
        or is_setting(name)
    )


def unknown_columns(names: Iterable[str], number: int) -> Iterator[Problem]:
    """A problem for each unknown column name."""
    known = f"; known columns: {', '.join(COLUMNS)}"
    for name in names:
        if is_column(name.lower()):
            continue
        meant = column_named(name)
        option = shlex.quote(f"{name}={meant}")
        hint = did_you_mean(name, COLUMNS, cutoff=0.7)
        if not hint and meant:
            hint = f"say --column {option}"
        elif not hint:
            hint = f"map it, or leave it out with --column NAME={known}"
            known = ""
        where = name if len(name) <= 40 else f"{name[:37]}..."
        yield Problem(where or "(no name)", "is not a column of a campaign", number, hint)


def column_options(columns: Mapping[str, str]) -> str:
    """The command-line options that map columns."""
    return " ".join(f"--column {shlex.quote(f'{name}={to}')}" for name, to in columns.items())


def meant_columns(
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
    words: ChannelWords,
) -> dict[str, str]:
    """The campaign's column that each unknown name most likely means; empty for none.

    Args:
        names: names of the file's columns, known and unknown.
        rows: some of the cells below them.
        words: the words that mean a channel.
    """
    unknown = [
        (place, name) for place, name in enumerate(names) if name and not is_column(name.lower())
    ]
    found: dict[str, str] = {}
    used = {name.lower() for name in names if is_column(name.lower())}
    for _, name in unknown:
        target = column_named(name)
        if target and target not in used:
            found[name] = target
            used.add(target)
    for target, fits in _FITTING.items():
        for place, name in unknown:
            cells = [
                row[place] for row in rows if len(row) > place and row[place] not in ("", None)
            ]
            fitting = sum(fits(cell, words) for cell in cells)
            if target not in used and name not in found and cells and fitting >= _MOST * len(cells):
                found[name] = target
                used.add(target)
    return {name: found.get(name, "") for _, name in unknown}


def column_named(name: str) -> str:
    """The column that a name means, in one of several languages or misspelt; empty for none."""
    word = _NO_LETTER.sub("", plain_letters(name))
    setting = "" if word in _MEANT else setting_named(name)
    if word in _MEANT or setting:
        return setting or _MEANT[word]
    close = difflib.get_close_matches(name.lower(), COLUMNS, 1, 0.8)
    return close[0] if close else ""


def _is_media(cell: object, _: ChannelWords) -> bool:
    if not isinstance(cell, str):
        return False
    files = [each.strip() for each in cell.split(";") if each.strip()]
    return all(PurePath(each).suffix.lower() in _MEDIA for each in files)


def _is_link(cell: object, _: object) -> bool:
    return isinstance(cell, str) and cell.startswith(("http://", "https://")) and " " not in cell


_FITTING: dict[str, Callable[[object, ChannelWords], bool]] = {
    "channel": lambda cell, words: isinstance(cell, str) and words.know(cell),
    "date": lambda cell, _: (
        isinstance(cell, date)
        or (isinstance(cell, str) and bool(looks_like_date(cell.strip()) or read_named(cell)))
    ),
    "time": lambda cell, _: (
        isinstance(cell, time) or (isinstance(cell, str) and read_time(cell) is not None)
    ),
    "media": _is_media,
    "content": lambda cell, _: (
        isinstance(cell, str) and len(cell) >= _LONG_TEXT and not _is_link(cell, None)
    ),
    "link": _is_link,
}
"""Tests by which the contents of a column are recognised."""
