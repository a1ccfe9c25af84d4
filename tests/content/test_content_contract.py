"""The cases that were taken from the server: stored, counted and published text, lengths."""

from __future__ import annotations

import sys

from recorded import facts

from postiz_async._content import length, sanitise, utf16_length
from postiz_async._content.length import counted_text, weighted_length
from postiz_async._content.preview import published_text


def report(what: str, found: list[tuple[str, object, object]]) -> None:
    """Print how many agree, and fail with each difference."""
    differences = [
        f"{note}: {ours!a} != {theirs!a}" for note, ours, theirs in found if ours != theirs
    ]
    sys.stdout.write(f"{what}: {len(found) - len(differences)} of {len(found)} equal\n")
    assert not differences, "\n".join(differences)


def test_what_is_stored_counted_and_published() -> None:
    found: list[tuple[str, object, object]] = []
    for case in facts("texts"):
        note, content, published = case["note"], case["input"], case["published"]
        if not isinstance(content, str):
            continue  # the models have no such content
        found += [
            (f"{note}, stored", sanitise(content), case["sanitized"]),
            (f"{note}, counted", counted_text(content), case["counted_text"]),
            (f"{note}, normal", published_text(content, "normal"), published["normal"]),
            (f"{note}, markdown", published_text(content, "markdown"), published["markdown"]),
            (f"{note}, html", published_text(content, "html"), published["html"]),
            (f"{note}, x", published_text(content, "html", "x-weighted"), published["x_post"]),
        ]
    report("texts", found)
    assert len(found) == 6 * 61


def test_lengths() -> None:
    found: list[tuple[str, object, object]] = []
    for case in facts("lengths"):
        note, text = f"{case['group']}, {case['note']}", case["text"]
        counted = counted_text(text)
        found += [
            (f"{note}, stored", sanitise(text), case["sanitized"]),
            (f"{note}, counted", counted, case["stripped"]),
            (f"{note}, UTF-16", utf16_length(counted), case["strip_length"]),
            (f"{note}, weighted", weighted_length(counted), case["x_weighted_length"]),
            (f"{note}, length", length(text), case["counted_plain"]),
            (f"{note}, length on X", length(text, "x-weighted"), case["counted_x"]),
        ]
    report("lengths", found)
    assert len(found) == 6 * 141
