"""Columns of a file that are called otherwise: what they most likely mean, and how it is said."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from postiz_async._campaign.read.columns import column_named, column_options, meanings
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError

WHEN = "2031-01-15T09:00Z"


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("Kanal;Termin;Beitragstext;Bilder", "channel;date;content;media"),
        ("Réseau;Date;Légende;Fichiers", "channel;date;content;media"),
        ("Red;Fecha;Contenido;Imágenes;Etiquetas", "channel;date;content;media;tags"),
        ("Canale;Data;Ora;Testo;Immagine", "channel;date;time;content;media"),
        ("Conta;Data;Hora;Conteúdo;Imagem", "channel;date;time;content;media"),
        ("Kanaal;Datum;Tijd;Tekst;Afbeelding", "channel;date;time;content;media"),
        ("REPEAT-DAYS;Short Link;short_link", "repeat_days;short_link;short_link"),
        ("Thread_3;thread-10;THREAD 2;Erster Kommentar", "thread 3;thread 10;thread 2;thread 2"),
        ("media 1;Media_2;Image URL 3;Picture Url 10", "media 1;media 2;media 3;media 10"),
        ("Profile;Scheduled At;Text;Image URL;Tags", "channel;date;content;media;tags"),
        ("Date;Text;Link(s);Media URL(s);Label(s);Alt text(s)", "date;content;link;media;tags;alt"),
        ("date;time_24hr;message_text", "date;time;content"),
        (
            "integration;at;settings.title;YouTube title",
            "channel;date;settings.title;settings.youtube.title",
        ),
        ("chanel;contnet;Notes;", ";;;"),
    ],
)
def test_names_that_mean_a_column(header: str, meant: str) -> None:
    assert [column_named(name) for name in header.split(";")] == meant.split(";")


def test_what_is_there_or_was_said_is_meant_by_no_other_name() -> None:
    assert meanings(("text", "content"), ()) == ["text", "content"]
    assert meanings(("text", "kanal"), (("kanal", "content"),)) == ["text", "content"]
    assert meanings(("text", "notiz"), (("notiz", ""),)) == ["content", ""]


def test_options_are_written_for_a_shell() -> None:
    said = column_options({"Date & time": "date", "It's": ""})
    assert shlex.split(said) == ["--column", "Date & time=date", "--column", "It's="]


def refused(folder: Path, header: str) -> str:
    path = folder / "c.csv"
    path.write_text(f"{header}\n", encoding="utf-8")
    with pytest.raises(CampaignError) as caught:
        read_campaign(path)
    return str(caught.value).removeprefix(f"{path}")


def test_unknown_columns_are_refused_with_what_to_type(tmp_path: Path) -> None:
    assert refused(tmp_path, "Kanal,Datum,Text,Notiz,Kommentar,contnet") == (
        ": Notiz, Kommentar, contnet are not columns of a campaign (row 1). Say what is meant, or "
        "NAME= to leave it out: --column Notiz= --column 'Kommentar=thread 2' "
        "--column contnet=content"
    )


def test_two_columns_that_mean_one_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "Kanal,Datum,Text,Caption") == (
        " has the column 'content' twice (row 1): Text, Caption; leave one out: --column Caption=."
    )


def test_a_title_is_no_header(tmp_path: Path) -> None:
    assert refused(tmp_path, "Our plan\nKanal,Datum,Text") == (
        " has no column 'channel' (row 1). It has: Our plan. This row has to name the columns; "
        "say which one is meant: --column NAME=channel."
    )


def test_media_may_be_several_columns(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        f"channel,date,media 1,media 2,media 3\nx,{WHEN},a.png,,b.png;c.png\n", encoding="utf-8"
    )
    assert read_campaign(path).rows[0].media == ("a.png", "b.png", "c.png")


# ------------------------------------------------------------------ threads


def threads(folder: Path, head: str, *cells: str, **options: Any) -> list[tuple[str, ...]]:
    path = folder / "c.csv"
    lines = [f"channel;date;content;{head}", *(f"x;{WHEN};a;{each}" for each in cells)]
    path.write_text("\n".join(lines), encoding="utf-8")
    campaign = read_campaign(path, reading=ReadOptions(**options))
    assert campaign.problems == ()
    return [row.thread for row in campaign.rows]


def test_a_thread_may_be_columns(tmp_path: Path) -> None:
    found = threads(tmp_path, "thread 10;thread 2;Thread_3", "ten;two;three", "ten;;", ";;")
    assert found == [("two", "three", "ten"), ("ten",), ()]
    found = threads(tmp_path, "thread;thread 3", '"[""second""]";third')
    assert found == [("second", "third")]


def test_columns_of_a_thread_may_be_called_otherwise(tmp_path: Path) -> None:
    columns = {"Teil 2": "thread 2", "Teil 3": "thread 3"}
    assert threads(tmp_path, "Teil 2;Teil 3", "two;three", columns=columns) == [("two", "three")]


def test_a_thread_of_columns_is_that_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    head = "channel;date;content"
    path.write_text(f'{head};thread\nx;{WHEN};a;"[""b"", ""c""]"\n', encoding="utf-8")
    (one,) = read_campaign(path).rows
    path.write_text(f"{head};thread 2;thread 3\nx;{WHEN};a;b;c\n", encoding="utf-8")
    (other,) = read_campaign(path).rows
    assert one == other


def test_a_thread_as_plain_text_shows_the_form_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f'channel,date,content,thread\nx,{WHEN},a,"Say ""hi"""\n')
    (problem,) = read_campaign(path).problems
    assert str(problem) == (
        "row 2, thread: is not a JSON list of texts "
        '(write ["Say \\"hi\\""], or use a column thread 2)'
    )


def test_other_names_of_columns_are_known(tmp_path: Path) -> None:
    table, records = tmp_path / "c.csv", tmp_path / "c.jsonl"
    table.write_text(f"Integration,at,content\nx,{WHEN},a\n", encoding="utf-8")
    records.write_text(f'{{"integration": "x", "at": "{WHEN}", "content": "a"}}', encoding="utf-8")
    for path in (table, records):
        (row,) = read_campaign(path).rows
        assert (row.channel, row.date.isoformat()) == ("x", "2031-01-15T09:00:00+00:00")


def test_another_name_is_a_column_of_its_own_where_one_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"Kanal,integration,date,content\nx,y,{WHEN},a\n", encoding="utf-8")
    reading = ReadOptions(columns={"Kanal": "channel", "integration": ""})
    assert [row.channel for row in read_campaign(path, reading=reading).rows] == ["x"]
