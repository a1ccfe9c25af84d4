"""Campaign files that somebody made to take the memory, end the process or read other files.

Each kind is a function that gives the name and the bytes of one; a generator chooses its sizes.
To see what becomes of some: python tests/fuzz/hostile_files.py FOLDER COUNT
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

__all__ = ["KINDS", "write_hostile"]

Random: TypeAlias = random.Random

DATE = "2031-03-01 09:00Z"
HEAD = ("channel", "date", "content")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
BOMB = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">'
    '<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
)


# ------------------------------------------------------------------ .xlsx


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def rows_of(*cells: str, number: int = 2) -> str:
    """The header, and a row with these cells."""
    head = "".join(text_cell(f"{'ABC'[n]}1", name) for n, name in enumerate(HEAD))
    return f'<row r="1">{head}</row><row r="{number}">{"".join(cells)}</row>'


ROW = [text_cell("A2", "nowhere"), text_cell("B2", DATE), text_cell("C2", "a text")]


def workbook(
    rows: str = "",
    *,
    before: str = "",
    shared: str = "",
    book: str = "",
    links: str = "",
    styles: str = "",
    more: Iterable[tuple[str, str]] = (),
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An .xlsx of one sheet; each part may be another than usual."""
    out = io.BytesIO()
    names = f'xmlns="{MAIN}" xmlns:r="{LINKS}"'
    with zipfile.ZipFile(out, "w", compression) as packed:
        packed.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        packed.writestr("_rels/.rels", links_to(("r0", "officeDocument", "xl/workbook.xml")))
        packed.writestr(
            "xl/workbook.xml",
            book
            or f'<workbook {names}><sheets><sheet name="Plan" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        own = [("r2", "sharedStrings", "sharedStrings.xml"), ("r3", "styles", "styles.xml")]
        sheets = ("r1", "worksheet", "worksheets/sheet1.xml")
        packed.writestr("xl/_rels/workbook.xml.rels", links or links_to(sheets, *own))
        packed.writestr("xl/sharedStrings.xml", f"<sst {names}>{shared}</sst>")
        packed.writestr("xl/styles.xml", f"<styleSheet {names}>{styles}</styleSheet>")
        sheet = f"<worksheet {names}><sheetData>{rows}</sheetData></worksheet>"
        packed.writestr("xl/worksheets/sheet1.xml", before + sheet)
        for name, part in more:
            packed.writestr(name, part)
    return out.getvalue()


def links_to(*links: tuple[str, str, str], mode: str = "") -> str:
    """The links of a workbook to its parts: id, kind, target."""
    lines = "".join(
        f'<Relationship Id="{id_}" Type="{LINKS}/{kind}" Target="{target}"{mode}/>'
        for id_, kind, target in links
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{lines}</Relationships>'


def far_cell(random: Random) -> tuple[str, bytes]:
    """A cell so far from the others that a table of all has no room."""
    place = random.choice(["XFD1048576", "XFD3", "ZZZ999999999", "AMK2", "BAA70000"])
    row = int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    formula = f'<c r="{place}" t="str"><f>A1</f><v>x</v></c>'
    cell = random.choice([text_cell(place, "x"), f'<c r="{place}"><v>1</v></c>', formula])
    return "x.xlsx", workbook(rows_of(*ROW) + f'<row r="{row}">{cell}</row>')


def far_rows(random: Random) -> tuple[str, bytes]:
    """The same in many rows."""
    lines = (f'<row r="{row}">{text_cell(f"XFD{row}", "x")}</row>' for row in range(2, 30_000, 3))
    return "x.xlsx", workbook(rows_of(*ROW) + "".join(lines))


def long_cell(random: Random) -> tuple[str, bytes]:
    """A text that no request has room for."""
    text = random.choice(["a", "é", "😀", "&#128512;", "a\n"]) * random.randint(140_000, 4_000_000)
    kind = random.randrange(3)
    if kind == 0:
        cell = text_cell("C2", text)
    elif kind == 1:
        cell = f'<c r="C2" t="str"><f>REPT("a",9)</f><v>{text}</v></c>'
    else:
        cell = '<c r="C2" t="s"><v>0</v></c>'
    shared = f"<si><t>{text}</t></si>" if kind == 2 else ""
    return "x.xlsx", workbook(rows_of(*ROW[:2], cell), shared=shared)


def many_long_cells(random: Random) -> tuple[str, bytes]:
    """Rows that are small in the file, and large in memory."""
    text = random.choice("aé😀") * 100_000
    cells = "".join(f'<c r="A{row}" t="s"><v>0</v></c>' * 900 for row in range(2, 40))
    return "x.xlsx", workbook(rows_of(*ROW) + cells, shared=f"<si><t>{text}</t></si>")


def long_texts(random: Random) -> tuple[str, bytes]:
    """Much text that compresses well."""
    text = "😀" * 30_000
    lines = (
        f'<row r="{row}">{text_cell(f"A{row}", "x")}{text_cell(f"B{row}", DATE)}'
        f"{text_cell(f'C{row}', text)}</row>"
        for row in range(2, random.randint(700, 900))
    )
    return "x.xlsx", workbook(rows_of(*ROW) + "".join(lines))


def many_rows(random: Random) -> tuple[str, bytes]:
    """As many rows as a small file can have."""
    row = "<row>" + "".join(f'<c t="s"><v>{n}</v></c>' for n in range(3)) + "</row>"
    shared = "".join(f"<si><t>{text}</t></si>" for text in ("nowhere", DATE, "a"))
    rows = rows_of(*ROW) + row * random.randint(240_000, 800_000)
    return "x.xlsx", workbook(rows, shared=shared)


def deep_xml(random: Random) -> tuple[str, bytes]:
    """Elements in elements."""
    depth = random.randint(1_000, 3_000_000)
    nest = "<a>" * depth + "</a>" * depth
    where = random.randrange(3)
    if where == 0:
        return "x.xlsx", workbook(nest)
    if where == 1:
        return "x.xlsx", workbook(rows_of(*ROW), shared=nest)
    return "x.xlsx", workbook(rows_of(*ROW), book=nest)


def entities(random: Random) -> tuple[str, bytes]:
    """Entities in entities, and one that is another file."""
    entity = random.choice(["&e;", "&x;"])
    return "x.xlsx", workbook(rows_of(*ROW[:2], text_cell("C2", entity)), before=BOMB)


def external_schema(random: Random) -> tuple[str, bytes]:
    """A part that wants another file read before it."""
    uri = random.choice(["file:///etc/passwd", "http://127.0.0.1:9/x.dtd", "\\\\host\\share"])
    return "x.xlsx", workbook(rows_of(*ROW), before=f'<!DOCTYPE worksheet SYSTEM "{uri}">')


def links_outside(random: Random) -> tuple[str, bytes]:
    """A sheet in another file, or no part at all."""
    target = random.choice(
        [
            "file:///etc/passwd",
            "http://127.0.0.1:9/",
            "../../../../etc/passwd",
            "/",
            "",
            "sheet9.xml",
        ]
    )
    mode = random.choice([' TargetMode="External"', ""])
    links = links_to(("r1", "worksheet", target), mode=mode)
    return "x.xlsx", workbook(rows_of(*ROW), links=links)


def zeros(random: Random) -> tuple[str, bytes]:
    """What deflates to a thousandth."""
    size = random.randint(60_000_000, 150_000_000)
    name = random.choice(["x.xlsx", "x.ods"])
    part = "xl/media/a.png" if random.random() < 0.3 else "xl/worksheets/sheet1.xml"
    out = io.BytesIO(workbook(rows_of(*ROW)) if name == "x.xlsx" else document(ods_rows()))
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as packed,
        packed.open(part + "2", "w") as file,
    ):
        for _ in range(0, size, 1 << 20):
            file.write(b" " * (1 << 20))
    return name, out.getvalue()


def many_names(random: Random) -> tuple[str, bytes]:
    """Each element has another name, which a parser keeps."""
    count = random.randint(100_000, 400_000)
    kind = random.choice(["<a{}/>", '<a b{}=""/>', '<a xmlns:c{}="d"/>'])
    return "x.xlsx", workbook(rows_of(*ROW) + "".join(kind.format(n) for n in range(count)))


def long_tag(random: Random) -> tuple[str, bytes]:
    """A name, an attribute or a comment without end."""
    long = "a" * random.randint(2_000_000, 30_000_000)
    kind = random.choice(["<{}/>", '<c r="{}"/>', "<!--{}-->", "<?a {}?>"])
    return "x.xlsx", workbook(rows_of(*ROW) + kind.format(long))


def many_sheets(random: Random) -> tuple[str, bytes]:
    """More sheets than can be named."""
    count = random.randint(10_000, 300_000)
    sheets = "".join(f'<sheet name="{"s" * 50}{n}" sheetId="{n}" r:id="r1"/>' for n in range(count))
    names = f'xmlns="{MAIN}" xmlns:r="{LINKS}"'
    return "x.xlsx", workbook(rows_of(*ROW), book=f"<workbook {names}>{sheets}</workbook>")


def many_styles(random: Random) -> tuple[str, bytes]:
    """More formats than cells."""
    styles = "<xf/>" * random.randint(200_000, 4_000_000)
    return "x.xlsx", workbook(rows_of(*ROW), styles=f"<cellXfs>{styles}</cellXfs>")


def many_merged(random: Random) -> tuple[str, bytes]:
    """Ranges that cover the sheet again and again."""
    ranges = '<mergeCell ref="A1:XFD1048576"/>' * random.randint(10, 100_000)
    return "x.xlsx", workbook(
        rows_of(*ROW) + f"</sheetData><mergeCells>{ranges}</mergeCells><sheetData>"
    )


def merged_down(random: Random) -> tuple[str, bytes]:
    """A text that stands in the file once, and in each row."""
    count = random.randint(2_000, 8_000)
    text = text_cell("B2", DATE) + text_cell("C2", random.choice("aé😀") * 2_000)
    rows = "".join(
        f'<row r="{n}">{text_cell(f"A{n}", "nowhere")}{text if n == 2 else ""}</row>'
        for n in range(2, count)
    )
    head = rows_of().partition("</row>")[0]
    ranges = f'<mergeCell ref="B2:B{count}"/><mergeCell ref="C2:ZZZ{count}"/>'
    merged = f"</sheetData><mergeCells>{ranges}</mergeCells><sheetData>"
    return "x.xlsx", workbook(f"{head}</row>{rows}{merged}")


def odd_comments(random: Random) -> tuple[str, bytes]:
    """Comments without end, or that are another file."""
    target = random.choice(["../comments1.xml", "file:///etc/passwd", "/", "../../../../a", "é"])
    mode = random.choice([' TargetMode="External"', ""])
    inside = random.choice(["<comment/>" * 300_000, "<a>" * 5_000, "&e;", "<comment", ""])
    links = links_to(("c1", "comments", target), mode=mode)
    comments = f"{BOMB if inside == '&e;' else ''}<comments>{inside}</comments>"
    more = [("xl/worksheets/_rels/sheet1.xml.rels", links), ("xl/comments1.xml", comments)]
    return "x.xlsx", workbook(rows_of(*ROW), more=more)


def odd_places(random: Random) -> tuple[str, bytes]:
    """Cells that are nowhere, and texts that are not there."""
    place = random.choice(["A0", "-1", "", "1A", "A" * 200, "A99999999999999999999", "é1", "a2"])
    number = random.choice(["0", "-3", "9" * 5_000, "x", "1e9", "²", "1048577"])
    text = random.choice(["-1", "999999999", "1.5", "x", "9" * 5_000, "²"])
    cells = f'<c r="{place}" t="s"><v>{text}</v></c><c><v>{text}</v></c>'
    return "x.xlsx", workbook(rows_of(*ROW) + f'<row r="{number}">{cells}</row>')


def odd_numbers(random: Random) -> tuple[str, bytes]:
    """Numbers that are none, and dates that do not exist."""
    number = random.choice(["nan", "inf", "-inf", "1e999", "-1", "2958466", "1e300", "0x10", "1_0"])
    kind = random.choice(["", ' t="d"', ' t="b"', ' t="e"', ' t="?"', ' s="999999"', ' s="-1"'])
    style = '<cellXfs><xf numFmtId="14"/><xf numFmtId="46"/></cellXfs>'
    date = (
        f'<c r="B2" s="{random.choice("01")}"{kind if "s=" not in kind else ""}><v>{number}</v></c>'
    )
    return "x.xlsx", workbook(
        rows_of(ROW[0], date, f'<c r="C2"{kind}><v>{number}</v></c>'), styles=style
    )


# ------------------------------------------------------------------ .ods


def document(rows: str, before: str = "") -> bytes:
    """An .ods of one sheet."""
    out = io.BytesIO()
    names = " ".join(f'xmlns:{name}="{OFFICE}:{name}:1.0"' for name in ("office", "table", "text"))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", "<manifest/>")
        packed.writestr(
            "content.xml",
            f"{before}<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="Plan">{rows}</table:table></office:spreadsheet>'
            "</office:body></office:document-content>",
        )
    return out.getvalue()


def ods_cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}>{text}</table:table-cell>'


def ods_rows(last: str = "<text:p>a text</text:p>", *, more: str = "", row: str = "") -> str:
    """The header, and a row whose last cell has this inside."""
    head = "".join(ods_cell(f"<text:p>{name}</text:p>") for name in HEAD)
    cells = ods_cell("<text:p>nowhere</text:p>") + ods_cell(f"<text:p>{DATE}</text:p>")
    return (
        f"<table:table-row>{head}</table:table-row>"
        f"<table:table-row {row}>{cells}{ods_cell(last, more)}</table:table-row>"
    )


def many_spaces(random: Random) -> tuple[str, bytes]:
    """One element that is billions of spaces."""
    count = random.choice(["9999999999", "999999999", "200000", "-1", "x", "9" * 5_000])
    times = random.randint(1, 5_000)
    spaces = f'<text:s text:c="{count}"/>' * times
    return "x.ods", document(ods_rows(f"<text:p>a{spaces}b</text:p>"))


def deep_spans(random: Random) -> tuple[str, bytes]:
    """Spans in spans."""
    depth = random.randint(500, 500_000)
    nest = "<text:span>" * depth + "x" + "</text:span>" * depth
    return "x.ods", document(ods_rows(f"<text:p>{nest}</text:p>"))


def deep_tables(random: Random) -> tuple[str, bytes]:
    """Tables in the cells of tables."""
    depth = random.randint(100, 30_000)
    names = ("table:table", "table:table-row", "table:table-cell")
    opened = "".join(f"<{name}>" for name in names) * depth
    closed = "".join(f"</{name}>" for name in reversed(names)) * depth
    return "x.ods", document(ods_rows(opened + closed))


def repeated_cells(random: Random) -> tuple[str, bytes]:
    """One cell, or one row, that stands there a million times."""
    times = random.choice([1_100, 16_384, 1_048_576, 999_999_999, 10**12])
    where = random.choice(["columns", "rows", "both"])
    more = "" if where == "rows" else f'table:number-columns-repeated="{times}"'
    row = "" if where == "columns" else f'table:number-rows-repeated="{max(times, 2_000)}"'
    return "x.ods", document(ods_rows(more=more, row=row))


def many_paragraphs(random: Random) -> tuple[str, bytes]:
    """A cell of paragraphs without end."""
    kind = random.choice(["<text:p/>", "<text:p>a</text:p>", "<text:p><text:tab/></text:p>"])
    return "x.ods", document(ods_rows(kind * random.randint(200_000, 2_000_000)))


def odd_values(random: Random) -> tuple[str, bytes]:
    """Values that are none of their kind."""
    kind, name = random.choice(
        [("float", "value"), ("date", "date-value"), ("time", "time-value"), ("boolean", "boolean")]
    )
    value = random.choice(
        ["nan", "inf", "1e999", "", "9" * 5_000, "0000-00-00", "99999-01-01", "PT1H", "2031-02-30",
         "PT" + "9" * 5_000 + "H00M00S", "2031-01-01T00:00:00+99:00", "2031-01-01T09:00:00Z"]
    )  # fmt: skip
    return "x.ods", document(
        ods_rows().replace(
            ods_cell(f"<text:p>{DATE}</text:p>"),
            f'<table:table-cell office:value-type="{kind}" office:{name}="{value}"/>',
        )
    )


def ods_entities(random: Random) -> tuple[str, bytes]:
    """Entities in an .ods."""
    entity = random.choice(["&e;", "&x;"])
    return "x.ods", document(ods_rows(f"<text:p>{entity}</text:p>"), BOMB)


# ------------------------------------------------------------------ zip


def damaged(random: Random) -> tuple[str, bytes]:
    """A file with some bytes changed, or cut off."""
    name = random.choice(["x.xlsx", "x.ods"])
    data = bytearray(workbook(rows_of(*ROW)) if name == "x.xlsx" else document(ods_rows()))
    if random.random() < 0.3:
        del data[random.randrange(len(data)) :]
    for _ in range(random.randint(1, 30)):
        if data:
            data[random.randrange(len(data))] = random.randrange(256)
    return name, bytes(data)


def odd_compression(random: Random) -> tuple[str, bytes]:
    """Packed as no spreadsheet is; one of these may ask for gigabytes to unpack."""
    kind = random.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    data = workbook(rows_of(*ROW), compression=kind)
    if kind == zipfile.ZIP_LZMA:
        data = data.replace(b"\x5d\x00\x00\x80\x00", b"\x5d\xff\xff\xff\xff")
    return "x.xlsx", data


def many_parts(random: Random) -> tuple[str, bytes]:
    """A list of parts without end."""
    out = io.BytesIO(workbook(rows_of(*ROW)))
    with zipfile.ZipFile(out, "a") as packed:
        for number in range(random.randint(30_000, 60_000)):
            packed.writestr(f"xl/{'p' * 50}{number}", b"")
    return "x.xlsx", out.getvalue()


def lying_sizes(random: Random) -> tuple[str, bytes]:
    """A part that says that it is smaller or larger than it is."""
    data = bytearray(workbook(rows_of(*ROW) + " " * 5_000_000))
    places = [place for place in range(len(data)) if data[place : place + 4] == b"PK\x01\x02"]
    size = random.choice([0, 1, 1_000, 0xFFFFFFFE])
    struct.pack_into("<L", data, random.choice(places) + 24, size)
    return "x.xlsx", bytes(data)


def odd_encodings(random: Random) -> tuple[str, bytes]:
    """XML in an encoding of its own."""
    encoding = random.choice(["utf-16", "utf-7", "ebcdic-cp-us", "x" * 5_000, "utf-8"])
    text = f'<?xml version="1.0" encoding="{encoding}"?>'
    if encoding != "utf-16":
        return "x.xlsx", workbook(rows_of(*ROW) + "\ufffe\0", before=text)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document(ods_rows()))) as old, zipfile.ZipFile(out, "w") as new:
        content = (text + old.read("content.xml").decode()).replace("a text", BOMB[:5])
        new.writestr("content.xml", content.encode("utf-16"))
    return "x.ods", out.getvalue()


def of_another_kind(random: Random) -> tuple[str, bytes]:
    """A document, a picture, an archive: given by mistake."""
    out = io.BytesIO()
    folder = random.choice(
        ["word/document.xml", "ppt/slides/a.xml", "META-INF/a", "xl/workbook.bin"]
    )
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("_rels/.rels", "<a/>")
        packed.writestr(folder, "<a/>")
    data = random.choice(
        [out.getvalue(), b"\x89PNG\r\n\x1a\n" + bytes(99), b"\x1f\x8b\x08" + bytes(99), b"%PDF-1.7",
         b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b"<!doctype html><table>", b"{\\rtf1"]
    )  # fmt: skip
    names = ["x.csv", "x.xlsx", "x.ods", "x.jsonl", "x.json", "x.docx", "x.txt", "x.xlsm", "x"]
    return random.choice(names), data


# ------------------------------------------------------------------ CSV and JSON


def table(rows: str) -> bytes:
    return f"{','.join(HEAD)}\n{rows}".encode()


def long_csv_cell(random: Random) -> tuple[str, bytes]:
    text = random.choice("aé😀,;") * random.randint(140_000, 3_000_000)
    quote = random.choice(['"', ""])
    return "x.csv", table(f"nowhere,{DATE},{quote}{text}{quote}\n")


def many_channels(random: Random) -> tuple[str, bytes]:
    """A cell that names channels without end, and columns deep within the settings."""
    sign = random.choice([",", ";", " und ", "/", "\n", " "])
    name = random.choice(["nowhere", "x", "Mastodn", "y"])
    cell = sign.join([name] * random.choice([3, 200, 500, 20_000]))
    column = random.choice(
        ["settings" + ".9" * 8, "settings" + ".a" * 9, "Reddit title", "settings."]
    )
    text = f'channel,date,content,{column}\n"{cell} {sign} nowhere",{DATE},a text,b\n'
    return "x.csv", text.encode()


def wide_csv(random: Random) -> tuple[str, bytes]:
    """A header, or a row, of cells without end."""
    count = random.randint(5_000, 600_000)
    if random.random() < 0.5:
        return "x.csv", table("," * count)
    names = ",".join(f"c{n}" for n in range(count // 8))
    return "x.csv", f"{','.join(HEAD)},{names}\nnowhere,{DATE},a\n".encode()


def tall_csv_row(random: Random) -> tuple[str, bytes]:
    """One row of many lines."""
    return "x.csv", table('"\na",' * random.randint(500_000, 4_000_000))


def open_quote(random: Random) -> tuple[str, bytes]:
    return "x.csv", table(f'nowhere,{DATE},"a' + "\nline" * random.randint(1, 2_000_000))


def odd_csv(random: Random) -> tuple[str, bytes]:
    """Bytes that are no text, marks of other encodings, odd delimiters."""
    start = random.choice(
        [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"sep=\n", b'sep="\n', b"\0", b"\r\r\r", b""]
    )
    noise = random.randbytes(random.randint(1, 300_000))
    return "x.csv", start + random.choice([table("") + noise, noise, noise + table("nowhere,,")])


def steering_csv(random: Random) -> tuple[str, bytes]:
    """Names and texts that steer a terminal."""
    steer = random.choice(
        ["\x1b]0;owned\x07", "\x1b[2J", "\x9b2J", "\u202e", "\u2066", "\x07", "\x00"]
    )
    if random.random() < 0.5:
        return "x.csv", f"{','.join(HEAD)},{steer}{steer}\nnowhere,{DATE},a,b\n".encode()
    return "x.csv", table(f"no{steer}where,{DATE}{steer},{steer}\n")


def deep_json(random: Random) -> tuple[str, bytes]:
    depth = random.randint(500, 3_000_000)
    opened, closed = random.choice([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    nest = opened * depth + random.choice(["1" + closed * depth, ""])
    text = random.choice(['{"channel": "nowhere", "settings": %s}', "%s", "[%s]"]) % nest
    return random.choice(["x.json", "x.jsonl"]), text.encode()


def odd_json(random: Random) -> tuple[str, bytes]:
    """Numbers, texts and keys that are none, and too many of them."""
    value = random.choice(
        ["9" * 100_000, "-1e999999", '"\\ud800"', '"' + "a" * 3_000_000 + '"', "NaN", '"\\u0000"',
         "[" + "{}," * 200_000 + "{}]", '{"a":1,"a":2}', "true" * 100_000]
    )  # fmt: skip
    text = f'{{"channel": "nowhere", "date": "{DATE}", "content": {value}}}'
    return random.choice(["x.json", "x.jsonl"]), random.choice([text, f"[{text}]", value]).encode()


KINDS: tuple[Callable[[Random], tuple[str, bytes]], ...] = (
    *(
        far_cell,
        many_spaces,
        deep_spans,
        long_texts,
        many_rows,
        deep_xml,
        entities,
        zeros,
        repeated_cells,
    ),
    *(long_cell, many_long_cells, external_schema, links_outside, many_names, long_tag, far_rows),
    *(many_sheets, many_styles, many_merged, odd_places, odd_numbers, deep_tables, many_paragraphs),
    *(odd_values, ods_entities, damaged, odd_compression, many_parts, lying_sizes, odd_encodings),
    *(of_another_kind, long_csv_cell, wide_csv, tall_csv_row, open_quote, odd_csv, steering_csv),
    *(deep_json, odd_json, damaged, damaged, merged_down, odd_comments, many_channels),
)


def write_hostile(folder: Path, numbers: Iterable[int], seed: int = 0) -> Iterator[Path]:
    """Write the files of these numbers, each into a folder of its own; kinds take turns."""
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        name, data = kind(random.Random(f"{seed} {number}"))  # noqa: S311
        path = folder / f"{number:03}-{kind.__name__}" / name
        path.parent.mkdir()
        path.write_bytes(data)
        yield path


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(exist_ok=True, parents=True)
    for path in write_hostile(Path(sys.argv[1]), range(int(sys.argv[2]))):
        print(path, path.stat().st_size)
