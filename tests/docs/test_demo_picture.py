"""The picture of the demo is what the demo shows, moves only where that is welcome, and is safe."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from processes import PATIENCE

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "docs" / "make_demo_picture.py"
PICTURE = ROOT / "docs" / "images" / "demo.svg"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_what_the_demo_shows() -> None:
    """In a process of its own: rich keeps the colours that a style had when it was first drawn."""
    draw = f"import runpy; print(runpy.run_path({str(MAKE)!r})['picture'](), end='')"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", draw],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == PICTURE.read_text(encoding="utf-8"), f"run: python docs/{MAKE.name}"


def test_it_has_no_script_and_loads_nothing() -> None:
    tree = ET.parse(PICTURE)  # noqa: S314  (ours)
    kinds = {each.tag.removeprefix(SVG) for each in tree.iter()}
    assert kinds == {"svg", "style", "rect", "text", "g", "circle"}
    names = {name for each in tree.iter() for name in each.attrib}
    assert not {name for name in names if "href" in name or name.startswith("on")}
    assert not re.search(r"url\(|@import", PICTURE.read_text(encoding="utf-8"))


def test_where_nothing_moves_it_shows_the_end() -> None:
    root = ET.parse(PICTURE).getroot()  # noqa: S314  (ours)
    style = root.findtext(f"{SVG}style") or ""
    still, motion = style.split("@media (prefers-reduced-motion: no-preference) {", 1)
    assert ".demo-past { visibility: hidden }" in still
    assert "animation" not in still
    moving = set(re.findall(r"\.([\w-]+) \{ animation: ", motion))
    assert moving == set(re.findall(r"@keyframes ([\w-]+)", motion))
    heights: list[str] = []
    for group in root.iter(f"{SVG}g"):
        kinds = group.get("class", "").split()
        if "demo-past" in kinds:
            assert moving & set(kinds), "it would never be seen"
        elif any(kind.startswith("demo-t") for kind in kinds):
            heights.append(group[0].attrib["y"])
    assert len(heights) == len(set(heights)) > 20, "one line at each place"
