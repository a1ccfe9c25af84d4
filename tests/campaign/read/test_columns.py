"""Columns of a file that are called otherwise: what they most likely mean, and how it is said."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab

from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.columns import column_options, meant_columns
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError

WHEN = "2031-01-15T09:00Z"
LONG = "Good morning to all of you out there!"


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("Kanal;Termin;Beitragstext;Bilder", "channel;date;content;media"),
        ("Réseau;Date;Légende;Fichiers", "channel;;content;media"),
        ("Red;Fecha;Contenido;Imágenes;Etiquetas", "channel;date;content;media;tags"),
        ("Canale;Data;Ora;Testo;Immagine", "channel;date;time;content;media"),
        ("Conta;Data;Hora;Conteúdo;Imagem", "channel;date;time;content;media"),
        ("Kanaal;Datum;Tijd;Tekst;Afbeelding", "channel;date;time;content;media"),
        ("Account;When;Text;Notes", "channel;date;content;"),
        ("chanel;dates;contnet", "channel;date;content"),
    ],
)
def test_names_in_several_languages(header: str, meant: str) -> None:
    names = header.split(";")
    found = meant_columns(names, [], ChannelWords.of())
    expected = dict(zip(names, meant.split(";"), strict=True))
    expected.pop("Date", None)
    assert found == expected


def test_contents_say_what_names_do_not() -> None:
    names = ["A", "B", "C", "D", "E", "F"]
    rows = [
        ["Our page", "05.12.2031", "09:00", "a.png;b.JPG", LONG, "https://example.com/a-page"],
        ["our page", "06.12.2031", "9.30", "", LONG * 2, "https://example.com/another-page"],
        ["mastodon", "07.12.2031", "10:00", "c.mp4", "short", "https://example.com"],
        ["x", "08.12.2031", "10:00", "", LONG, ""],
        ["x", "08.12.2031", "10:00", "", LONG, ""],
    ]
    found = meant_columns(names, rows, ChannelWords.of([("Our page", "id", "facebook")]))
    expected = ["channel", "date", "time", "media", "content", "link"]
    assert found == dict(zip(names, expected, strict=True))


def test_no_column_is_meant_twice_and_none_that_is_there() -> None:
    found = meant_columns(["Text", "Post", "content2", "Channel"], [], ChannelWords.of())
    assert list(found.values()).count("content") == 1
    assert "channel" not in found.values()


def test_options_are_written_for_a_shell() -> None:
    said = column_options({"Date & time": "date", "It's": ""})
    assert shlex.split(said) == ["--column", "Date & time=date", "--column", "It's="]


async def test_names_of_channels_are_recognised(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.path = tmp_path / "c.csv"
    lines = [f"Our {name} page;{WHEN};{LONG}" for name in ("first", "second")]
    lab.path.write_text("\n".join(["P1;P2;P3", *lines]), encoding="utf-8")
    async with lab.sandbox:
        for name in ("first", "second"):
            lab.channel("mastodon", name=f"Our {name} page")
        async with lab.client() as postiz:
            with pytest.raises(CampaignError) as caught:
                async with postiz.campaign(lab.path):
                    pass
    said = "--column P1=channel --column P2=date --column P3=content"
    assert str(caught.value).endswith(f"Say what they are: {said}")


def test_a_column_with_a_usual_name_says_what_to_do_with_it(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"channel,date,media,Text\nx,{WHEN},a.png,b\n", encoding="utf-8")
    (problem,) = read_campaign(path).problems
    assert (problem.where, problem.hint) == ("Text", "say --column Text=content")


def test_nothing_is_proposed_where_nothing_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("foo,bar\n1,2\n", encoding="utf-8")
    with pytest.raises(CampaignError, match=r"It has: foo, bar\. A campaign may have: channel, "):
        read_campaign(path)


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
