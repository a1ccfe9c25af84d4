"""Draw the pictures and films of the sample campaign.

Run by hand, after a change to a drawing; the results are kept in the repository:

    python -m pip install pillow
    python benchmarks/make_sample.py

Needs Pillow and the ffmpeg program (with libx264). With the same versions of both, the same bytes
come out on every run: nothing is random, and nothing of the machine or the date is written into a
file. campaign.csv, channels.json and tags.json are not made here: they are edited where they are.
"""

import argparse
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SAMPLE = Path(__file__).parent.parent / "postiz_async" / "_sandbox" / "sample"
FINE = 2  # everything is drawn at twice its size, then reduced: smooth edges
LONGEST = 600  # of a side as it is kept: all media together stay below 300 kB in the wheel

NIGHT, DUSK, SKY = (20, 33, 61), (58, 74, 112), (169, 198, 217)
CREAM, PAPER, SNOW = (246, 239, 226), (252, 249, 242), (255, 255, 255)
COFFEE, BEAN, MILK = (74, 44, 29), (46, 28, 20), (236, 217, 190)
ORANGE, GOLD, SAGE, FOREST = (224, 122, 63), (242, 193, 102), (122, 158, 135), (48, 88, 74)
CEDAR, INK = (190, 137, 92), (43, 40, 38)

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    """A picture in the making; coordinates are those of the finished picture."""

    def __init__(self, width: int, height: int, top: Colour, bottom: Colour | None = None) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width * FINE, height * FINE), top)
        self.draw = ImageDraw.Draw(self.image)
        if bottom is not None:
            self.shade((0, 0, width, height), top, bottom)

    def shade(self, box: tuple[float, float, float, float], top: Colour, bottom: Colour) -> None:
        """Fill a box with a vertical gradient."""
        x0, y0, x1, y1 = (round(v * FINE) for v in box)
        for y in range(y0, y1):
            self.draw.line([(x0, y), (x1, y)], fill=mix(top, bottom, (y - y0) / max(1, y1 - y0)))

    def box(
        self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: int = 0
    ) -> None:
        """Draw a rectangle, with round corners if a radius is given."""
        scaled = [v * FINE for v in (x0, y0, x1, y1)]
        self.draw.rounded_rectangle(scaled, radius * FINE, fill)

    def disc(self, x: float, y: float, rx: float, fill: Colour, ry: float | None = None) -> None:
        """Draw a filled circle, or an ellipse."""
        ry = rx if ry is None else ry
        self.draw.ellipse([v * FINE for v in (x - rx, y - ry, x + rx, y + ry)], fill)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: Colour, line: float) -> None:
        """Draw the outline of an ellipse."""
        scaled = [v * FINE for v in (x - rx, y - ry, x + rx, y + ry)]
        self.draw.ellipse(scaled, outline=colour, width=round(line * FINE))

    def shape(self, points: list[Point], fill: Colour) -> None:
        """Draw a filled polygon."""
        self.draw.polygon([(x * FINE, y * FINE) for x, y in points], fill)

    def path(self, points: list[Point], colour: Colour, line: float) -> None:
        """Draw a line through points, with round ends."""
        scaled = [(x * FINE, y * FINE) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(line * FINE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, line / 2, colour)

    def text(  # one line, or several with line feeds
        self, x: float, y: float, words: str, size: int, fill: Colour, *, bold: bool = False
    ) -> None:
        """Write words, centred on x and y."""
        self.draw.multiline_text(
            (x * FINE, y * FINE),
            words,
            fill=fill,
            font=ImageFont.load_default(size * FINE),
            anchor="mm",
            align="center",
            spacing=size * FINE * 0.35,
            stroke_width=size * FINE / 42 if bold else 0,
            stroke_fill=fill,
        )

    def done(self) -> Image.Image:
        """Return the picture in its own size."""
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def bend(a: Point, b: Point, c: Point, d: Point, at: float) -> Point:
    """Return the point of a Bezier curve."""
    rest = 1 - at
    w = rest**3, 3 * rest**2 * at, 3 * rest * at**2, at**3
    return (
        w[0] * a[0] + w[1] * b[0] + w[2] * c[0] + w[3] * d[0],
        w[0] * a[1] + w[1] * b[1] + w[2] * c[1] + w[3] * d[1],
    )


def wave(x: float, top: float, bottom: float, swing: float, phase: float) -> list[Point]:
    """Return a thread of steam, rising from bottom to top."""
    steps = 40
    return [
        (
            x + swing * (i / steps) * math.sin(phase + i / steps * 5),
            bottom + (top - bottom) * i / steps,
        )
        for i in range(steps + 1)
    ]


def bean(c: Canvas, x: float, y: float, size: float, colour: Colour = COFFEE) -> None:
    c.disc(x, y, size * 0.68, colour, size)
    curve = [
        (x + size * 0.16 * math.sin(i / 10 * math.tau), y + size * (i / 5 - 1)) for i in range(11)
    ]
    crease = NIGHT if colour == CREAM else mix(colour, CREAM, 0.45)
    c.path(curve, crease, size * 0.13)


def cup(c: Canvas, x: float, y: float, size: float, body: Colour, drink: Colour) -> None:
    """Draw a cup on its saucer; x and y are the middle of its rim."""
    c.disc(x, y + size * 1.12, size * 1.45, mix(body, INK, 0.18), size * 0.2)
    c.ring(
        x + size * 1.02, y + size * 0.42, size * 0.36, size * 0.33, mix(body, INK, 0.1), size * 0.14
    )
    side: list[Point] = []
    for i in range(21):
        angle = math.pi * i / 20
        side.append((x + size * math.cos(angle), y + size * 1.1 * math.sin(angle) ** 0.7))
    c.shape(side, body)
    c.disc(x, y, size, mix(body, SNOW, 0.35), size * 0.24)
    c.disc(x, y + size * 0.03, size * 0.88, drink, size * 0.18)


def from_above(c: Canvas, x: float, y: float, size: float, drink: Colour) -> None:
    """Draw a cup as seen from above."""
    c.disc(x + size * 0.05, y + size * 0.07, size, mix(CEDAR, INK, 0.28))
    c.disc(x, y, size, CREAM)
    c.disc(x, y, size * 0.84, mix(drink, INK, 0.3))
    c.disc(x, y, size * 0.8, drink)
    c.ring(x, y, size * 0.8, size * 0.8, mix(drink, GOLD, 0.35), size * 0.05)


def heart(x: float, y: float, size: float) -> list[Point]:
    turns = [i / 60 * math.tau for i in range(60)]
    return [
        (
            x + size * math.sin(t) ** 3,
            y
            - size
            * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
            / 16,
        )
        for t in turns
    ]


def poured(c: Canvas, x: float, y: float, size: float, drink: Colour, share: float = 1.0) -> None:
    """Pour a heart in layers into a cup seen from above; share from 0 (nothing) to 1 (done)."""
    for layer in range(3):
        grown = max(0.0, min(1.0, share * 3 - layer)) ** 0.6
        if grown > 0:
            outer, up = size * (0.62 - layer * 0.2) * grown, y - size * (0.02 + layer * 0.05)
            c.shape(heart(x, up, outer), MILK)
            if layer < 2:
                c.shape(heart(x, up - outer * 0.06, outer * 0.8), drink)


def brand(c: Canvas, x: float, y: float, size: int, colour: Colour) -> None:
    """Write the name below a small compass needle that points north."""
    c.shape([(x, y - size * 2.5), (x - size * 0.45, y - size * 1.2), (x, y - size * 1.5)], colour)
    c.shape(
        [(x, y - size * 2.5), (x + size * 0.45, y - size * 1.2), (x, y - size * 1.5)],
        mix(colour, ORANGE, 0.6),
    )
    c.text(x, y, "N O R T H W I N D", size, colour, bold=True)


def stars(c: Canvas, low: float) -> None:
    for i in range(70):
        x, y = (i * 397 + 83) % c.width, (i * i * 61 + i * 149) % low
        c.disc(x, y, 1.2 + i % 3 * 0.7, mix(DUSK, SNOW, 0.35 + i % 5 * 0.15))


def polar_night_bag() -> Image.Image:
    c = Canvas(1080, 1080, NIGHT, DUSK)
    stars(c, 760)
    c.shape(
        [(0, 900), (260, 770), (520, 880), (800, 740), (1080, 870), (1080, 1080), (0, 1080)],
        mix(SKY, DUSK, 0.35),
    )
    c.shape(
        [(0, 980), (330, 890), (700, 960), (1080, 900), (1080, 1080), (0, 1080)],
        mix(SKY, SNOW, 0.55),
    )
    c.disc(540, 975, 300, mix(SKY, DUSK, 0.5), 36)
    c.shape([(310, 250), (770, 250), (800, 960), (280, 960)], mix(NIGHT, INK, 0.4))
    c.box(310, 190, 770, 262, mix(NIGHT, INK, 0.15), 10)
    c.path([(330, 246), (750, 246)], mix(NIGHT, SNOW, 0.25), 4)
    c.box(350, 350, 730, 850, CREAM, 14)
    c.disc(540, 490, 92, NIGHT)
    c.disc(576, 462, 78, CREAM)
    for x, y, r in ((486, 420, 5), (640, 470, 6), (610, 545, 4), (452, 545, 4)):
        c.disc(x, y, r, ORANGE)
    c.text(540, 668, "Polar Night", 58, NIGHT, bold=True)
    c.text(540, 740, "dark chocolate\ndried orange  ·  toasted almond", 24, INK)
    c.text(540, 812, "Huila & Guji, 250 g", 22, ORANGE)
    brand(c, 540, 322, 20, CREAM)
    return c.done()


def pour_over() -> Image.Image:
    c = Canvas(1080, 1350, mix(CREAM, GOLD, 0.25), CREAM)
    c.disc(820, 300, 190, mix(GOLD, CREAM, 0.35))
    c.box(0, 1130, 1080, 1350, CEDAR)
    c.box(0, 1130, 1080, 1146, mix(CEDAR, INK, 0.2))
    c.disc(540, 1160, 330, mix(CEDAR, INK, 0.3), 34)
    glass = mix(SKY, SNOW, 0.5)
    c.shape([(400, 780), (680, 780), (790, 1130), (760, 1165), (320, 1165), (290, 1130)], glass)
    c.shape([(352, 990), (728, 990), (784, 1125), (752, 1152), (328, 1152), (296, 1125)], COFFEE)
    c.disc(540, 990, 188, mix(COFFEE, ORANGE, 0.25), 20)
    c.path([(540, 800), (540, 985)], COFFEE, 7)
    c.box(330, 744, 750, 790, CREAM, 22)
    c.shape([(300, 470), (780, 470), (600, 748), (480, 748)], SNOW)
    for i in range(7):
        x = 340 + i * 67
        c.path([(x, 490), (540 + (x - 540) * 0.28, 738)], mix(SNOW, INK, 0.1), 4)
    c.disc(540, 470, 240, mix(SNOW, CREAM, 0.5), 46)
    c.disc(540, 478, 205, BEAN, 36)
    c.disc(540, 478, 130, mix(COFFEE, GOLD, 0.3), 22)
    for i in range(9):
        c.disc(450 + i * 23, 470 + (i * 7) % 19, 5 + i % 3 * 2, mix(COFFEE, CREAM, 0.5))
    c.path([(541, 250), (540, 474)], mix(SKY, SNOW, 0.3), 10)
    steel = mix(INK, SKY, 0.25)
    c.shape([(1080, 250), (990, 250), (930, 620), (1080, 620)], steel)
    c.box(985, 232, 1080, 262, mix(steel, INK, 0.4), 10)
    neck = [bend((960, 560), (740, 560), (830, 60), (540, 236), i / 40) for i in range(41)]
    c.path(neck, steel, 30)
    for x, phase in ((420, 0.4), (650, 2.0)):
        c.path(wave(x, 260, 430, 34, phase), SNOW, 8)
    brand(c, 540, 1265, 28, PAPER)
    return c.done()


def huila_valley() -> Image.Image:
    c = Canvas(1200, 675, mix(ORANGE, GOLD, 0.4), mix(GOLD, CREAM, 0.6))
    c.disc(870, 210, 74, mix(GOLD, SNOW, 0.6))
    for layer in range(5):
        base, colour = 300 + layer * 80, mix(mix(SKY, SAGE, 0.6), FOREST, layer / 4)
        ridge: list[Point] = [(0, 675)]
        for x in range(0, 1201, 12):
            height = math.sin(x / (90 + 37 * layer) + layer * 2.1) * (52 - layer * 7)
            ridge.append((x, base + height + math.sin(x / 41 + layer) * 13))
        c.shape([*ridge, (1200, 675)], mix(colour, GOLD, 0.28 - layer * 0.06))
    for row in range(4):
        for i in range(26):
            x, y = i * 50 + row * 23 - 20, 632 + row * 16 - math.sin(i / 4) * 18
            c.disc(x, y, 17, mix(FOREST, SAGE, row / 5), 12)
            if (i + row) % 3 == 0:
                c.disc(x + 5, y - 2, 3.2, (196, 62, 48))
    for x, y in ((250, 120), (310, 150), (372, 112)):
        c.path([(x - 22, y - 9), (x, y), (x + 22, y - 9)], INK, 4)
    c.text(180, 54, "Huila, 1,750 m", 34, NIGHT, bold=True)
    return c.done()


def kyoto_bar() -> Image.Image:
    c = Canvas(1200, 800, NIGHT, mix(DUSK, ORANGE, 0.3))
    stars(c, 150)
    c.box(110, 190, 1090, 690, mix(CEDAR, INK, 0.45))
    c.shape([(50, 210), (150, 110), (1050, 110), (1150, 210)], mix(INK, DUSK, 0.3))
    for x in range(80, 1140, 36):
        c.path([(x, 206), (150 + (x - 80) * 0.85, 114)], mix(INK, DUSK, 0.55), 4)
    c.box(160, 330, 800, 640, mix(GOLD, CREAM, 0.35))
    for x in range(160, 801, 40):
        c.box(x - 4, 330, x + 4, 640, mix(CEDAR, INK, 0.35))
    c.box(160, 474, 800, 484, mix(CEDAR, INK, 0.35))
    c.box(170, 560, 790, 600, CEDAR)
    for x in (260, 420, 580, 720):
        c.disc(x, 510, 27, INK)
        c.box(x - 40, 540, x + 40, 600, INK, 18)
    c.box(850, 300, 1040, 690, mix(GOLD, CREAM, 0.5))
    for i in range(3):
        c.box(852 + i * 63, 290, 912 + i * 63, 440, NIGHT)
    c.disc(945, 362, 40, CREAM)
    bean(c, 945, 362, 27, NIGHT)
    for x in (216, 744):
        c.path([(x, 214), (x, 240)], INK, 4)
        c.disc(x, 288, 40, ORANGE, 52)
        c.box(x - 20, 234, x + 20, 244, INK)
        c.box(x - 20, 332, x + 20, 342, INK)
    c.shape([(0, 690), (1200, 690), (1200, 800), (0, 800)], mix(DUSK, INK, 0.4))
    for i in range(60):
        c.disc((i * 331 + 40) % 1200, (i * 197 + i * i * 13) % 780, 2 + i % 3, SNOW)
    c.text(480, 270, "Northwind  Nijo", 36, CREAM, bold=True)
    c.text(600, 745, "Kyoto, from 23 January", 34, CREAM)
    return c.done()


def cupping_table() -> Image.Image:
    c = Canvas(1200, 900, CEDAR)
    for i in range(12):
        c.box(
            0, i * 75, 1200, i * 75 + 72, mix(CEDAR, INK if i % 2 else CREAM, 0.05 + i % 3 * 0.025)
        )
    for row in range(2):
        for column in range(4):
            x, y = 200 + column * 265, 245 + row * 365
            from_above(c, x, y, 104, mix(COFFEE, ORANGE, (column + row * 2) % 5 * 0.07))
            c.box(x - 52, y + 132, x + 52, y + 176, PAPER, 6)
            c.text(x, y + 154, f"No. {row * 4 + column + 1}", 22, INK)
    c.path([(300, 440), (520, 424)], mix(SKY, INK, 0.2), 12)
    c.disc(560, 420, 52, mix(SKY, INK, 0.2), 30)
    c.disc(560, 416, 38, mix(SKY, SNOW, 0.4), 20)
    for x, y in ((760, 436), (800, 420), (838, 446), (792, 458)):
        bean(c, x, y, 19)
    c.text(600, 60, "Tasting day", 40, PAPER, bold=True)
    return c.done()


def roast_curve() -> Image.Image:
    c = Canvas(1200, 675, PAPER)
    left, right, top, bottom = 110, 1140, 120, 570

    def at(minutes: float, degrees: float) -> Point:
        return left + (right - left) * minutes / 12, bottom - (bottom - top) * (degrees - 80) / 150

    for degrees in range(80, 231, 30):
        c.path([at(0, degrees), at(12, degrees)], mix(PAPER, INK, 0.12), 2)
        c.text(70, at(0, degrees)[1], f"{degrees} °C", 20, INK)
    for minutes in range(0, 13, 2):
        c.text(at(minutes, 80)[0], 600, f"{minutes}:00", 20, INK)

    def heat(minutes: float) -> float:
        turn = 92 + 108 * math.exp(-minutes * 2.2)
        rise = 120 * (1 - math.exp(-max(0.0, minutes - 0.9) / 4.3)) / (1 - math.exp(-9.683 / 4.3))
        return turn + rise - 2.5 * math.exp(-(((minutes - 6) / 0.22) ** 2))

    end = 10 + 35 / 60
    c.path(
        [at(i / 30, heat(i / 30)) for i in range(int(end * 30) + 1)] + [at(end, heat(end))],
        ORANGE,
        8,
    )
    marks = ((8 + 40 / 60, "first crack 8:40", -112, 70), (end, "out 10:35, 212 °C", 0, -46))
    for moment, words, aside, below in marks:
        x, y = at(moment, heat(moment))
        c.path([(x, y), (x, bottom)], mix(PAPER, NIGHT, 0.4), 2)
        c.disc(x, y, 12, NIGHT)
        c.text(x + aside, y + below, words, 24, NIGHT, bold=True)
    c.path([(left, top), (left, bottom), (right, bottom)], INK, 3)
    c.text(600, 58, "Polar Night, version 27", 38, NIGHT, bold=True)
    c.text(600, 642, "minutes in the drum", 20, INK)
    return c.done()


def cup_club() -> Image.Image:
    c = Canvas(1080, 1080, SAGE, mix(SAGE, FOREST, 0.55))
    c.disc(540, 570, 320, mix(SAGE, CREAM, 0.3))
    for i in range(3):
        start = i * 120 - 50
        arc = [
            (
                540 + 366 * math.cos(math.radians(start + a)),
                570 + 366 * math.sin(math.radians(start + a)),
            )
            for a in range(0, 90, 2)
        ]
        c.path(arc, CREAM, 20)
        (x, y), angle = arc[-1], math.radians(start + 90)
        along, out = (-math.sin(angle), math.cos(angle)), (math.cos(angle), math.sin(angle))
        c.shape(
            [
                (x + along[0] * 62, y + along[1] * 62),
                (x + out[0] * 44, y + out[1] * 44),
                (x - out[0] * 44, y - out[1] * 44),
            ],
            CREAM,
        )
    c.shape([(410, 430), (670, 430), (636, 790), (444, 790)], CREAM)
    c.box(392, 396, 688, 440, NIGHT, 18)
    c.shape([(420, 540), (660, 540), (648, 670), (432, 670)], ORANGE)
    bean(c, 540, 605, 44, CREAM)
    c.text(540, 100, "Cup Club", 74, CREAM, bold=True)
    c.text(540, 1020, "yours or ours, again and again", 34, CREAM)
    return c.done()


def card(title: str, steps: list[str], top: Colour, foot: str) -> Canvas:
    """Return a tall recipe card (2:3), with room for a drawing above the steps."""
    c = Canvas(1000, 1500, PAPER)
    c.shade((0, 0, 1000, 760), top, mix(top, CREAM, 0.45))
    c.text(500, 130, title, 72, SNOW, bold=True)
    for i, step in enumerate(steps):
        y = 858 + i * 118
        c.disc(150, y, 36, ORANGE)
        c.text(150, y, str(i + 1), 34, SNOW, bold=True)
        c.text(550, y, step, 34, INK)
    c.text(500, 1326, foot, 30, mix(INK, PAPER, 0.3))
    brand(c, 500, 1448, 24, NIGHT)
    return c


def pour_over_guide() -> Image.Image:
    steps = [
        "15 g coffee, medium fine, rinsed filter",
        "0:00   45 g at 94 °C, let it bloom",
        "0:40   pour slowly to 150 g",
        "1:15   pour again, to 240 g by 2:00",
    ]
    c = card(
        "Pour-over in\nthree minutes", steps, FOREST, "drained at 3:00, adjust the grind next time"
    )
    c.shape([(330, 330), (670, 330), (540, 540), (460, 540)], SNOW)
    c.disc(500, 330, 170, CREAM, 32)
    c.disc(500, 336, 140, BEAN, 24)
    c.box(380, 536, 620, 566, MILK, 14)
    c.path([(500, 566), (500, 620)], COFFEE, 6)
    cup(c, 500, 630, 84, CREAM, COFFEE)
    return c.done()


def cardamom_latte() -> Image.Image:
    steps = [
        "Crush 3 cardamom pods",
        "Warm with 180 ml milk, 1 tsp honey",
        "Wait five minutes, strain, foam",
        "Pour over a double espresso",
    ]
    c = card("Cardamom latte", steps, mix(SAGE, FOREST, 0.25), "the good kind of Sunday")
    cup(c, 500, 440, 170, CREAM, MILK)
    for x, phase in ((430, 0.2), (500, 1.4), (570, 2.6)):
        c.path(wave(x, 235, 400, 26, phase), SNOW, 9)
    for x, y in ((170, 600), (232, 646), (820, 590), (770, 655)):
        c.disc(x, y, 24, mix(SAGE, GOLD, 0.4), 40)
        c.path([(x, y - 34), (x, y + 34)], FOREST, 4)
    return c.done()


def orange_mocha() -> Image.Image:
    steps = [
        "Melt 20 g dark chocolate in 2 espressos",
        "Warm 180 ml milk with orange peel",
        "Take the peel out, foam the milk",
        "Pour, sit down, look out of the window",
    ]
    c = card("Orange mocha", steps, mix(ORANGE, COFFEE, 0.25), "70% cocoa or more, no syrup needed")
    cup(c, 500, 450, 165, CREAM, mix(COFFEE, BEAN, 0.4))
    c.disc(740, 330, 120, ORANGE)
    c.disc(740, 330, 102, mix(GOLD, SNOW, 0.3))
    for i in range(8):
        one, two = math.radians(i * 45 + 4), math.radians(i * 45 + 41)
        c.shape(
            [
                (740 + 8 * math.cos((one + two) / 2), 330 + 8 * math.sin((one + two) / 2)),
                (740 + 90 * math.cos(one), 330 + 90 * math.sin(one)),
                (740 + 96 * math.cos((one + two) / 2), 330 + 96 * math.sin((one + two) / 2)),
                (740 + 90 * math.cos(two), 330 + 90 * math.sin(two)),
            ],
            mix(ORANGE, GOLD, 0.35),
        )
    for i in range(6):
        x, y = 150 + i % 3 * 62, 560 + i // 3 * 62
        c.box(x, y, x + 56, y + 56, mix(COFFEE, ORANGE, 0.12), 8)
        c.box(x + 9, y + 9, x + 47, y + 47, COFFEE, 6)
    return c.done()


def throwdown_poster() -> Image.Image:
    c = Canvas(1080, 1350, ORANGE, mix(ORANGE, (170, 60, 50), 0.7))
    for i in range(24):
        one, two = math.radians(i * 15), math.radians(i * 15 + 7.5)
        c.shape(
            [
                (540, 690),
                (540 + 1200 * math.cos(one), 690 + 1200 * math.sin(one)),
                (540 + 1200 * math.cos(two), 690 + 1200 * math.sin(two)),
            ],
            mix(ORANGE, GOLD, 0.35),
        )
    crema = mix(COFFEE, ORANGE, 0.3)
    from_above(c, 540, 690, 310, crema)
    poured(c, 540, 690, 310, crema)
    c.text(540, 190, "LATTE ART\nTHROWDOWN", 104, CREAM, bold=True)
    c.text(540, 1110, "Friday 22 January, 7 pm", 58, CREAM, bold=True)
    c.text(540, 1190, "Greenpoint, Brooklyn", 44, CREAM)
    c.text(540, 1270, "$5 to pour, free to watch, all of it for the food pantry", 30, CREAM)
    return c.done()


def story_kyoto() -> Image.Image:
    c = Canvas(1080, 1920, NIGHT, mix(NIGHT, ORANGE, 0.5))
    stars(c, 1100)
    c.disc(540, 690, 310, mix(ORANGE, (190, 60, 48), 0.5))
    cup(c, 540, 640, 170, CREAM, COFFEE)
    for x, phase in ((470, 0.2), (540, 1.5), (610, 2.8)):
        c.path(wave(x, 440, 600, 26, phase), CREAM, 10)
    for layer in range(3):
        base = 1390 + layer * 130
        hill = [
            (x, base + math.sin(x / (150 - layer * 22) + layer * 1.7) * 50)
            for x in range(0, 1081, 12)
        ]
        c.shape([(0, 1920), *hill, (1080, 1920)], mix(DUSK, NIGHT, layer * 0.4))
    c.text(540, 1130, "Kyoto", 150, CREAM, bold=True)
    c.text(540, 1270, "opens tomorrow at 9", 62, CREAM)
    brand(c, 540, 1780, 32, CREAM)
    return c.done()


def northwind_logo() -> Image.Image:
    c = Canvas(512, 512, NIGHT)
    c.ring(256, 256, 216, 216, CREAM, 10)
    for i in range(16):
        angle, length = math.radians(i * 22.5), 18 if i % 4 else 34
        inner = 200 - length
        c.path(
            [
                (256 + inner * math.cos(angle), 256 + inner * math.sin(angle)),
                (256 + 196 * math.cos(angle), 256 + 196 * math.sin(angle)),
            ],
            CREAM,
            5,
        )
    c.shape([(256, 74), (206, 270), (256, 236)], CREAM)
    c.shape([(256, 74), (306, 270), (256, 236)], ORANGE)
    bean(c, 256, 334, 58, CREAM)
    return c.done()


def steam() -> list[Image.Image]:
    """Return the frames of a loop: a cup on a window sill, its steam rising."""
    frames = []
    for step in range(12):
        c = Canvas(360, 360, mix(NIGHT, DUSK, 0.5))
        c.box(0, 282, 360, 360, CEDAR)
        for i in range(14):
            fall = (i * 71 + step * (20 if i % 2 else 40)) % 240
            c.disc((i * 53 + 20) % 360, fall + 20, 2.2, SNOW)
        cup(c, 172, 190, 82, CREAM, COFFEE)
        for x in (136, 172, 208):
            c.path(wave(x, 50, 168, 17, x - step / 12 * math.tau), mix(DUSK, SNOW, 0.75), 6)
        frames.append(c.done())
    return frames


def bloom_frame(share: float) -> Image.Image:
    """Return one frame of the bloom, seen from above: water, bubbles, a rising bed."""
    c = Canvas(640, 360, mix(CREAM, GOLD, 0.3))
    c.disc(326, 188, 158, mix(CREAM, INK, 0.25))
    c.disc(320, 180, 158, SNOW)
    c.disc(320, 180, 132, BEAN)
    wet = min(1.0, share * 2.5)
    c.disc(320, 180, 128 * wet, mix(BEAN, COFFEE, 0.7))
    c.disc(320, 180, 96 * min(1.0, share * 1.6), mix(COFFEE, GOLD, 0.28))
    for i in range(26):
        life = (share * 2.2 - i * 0.055) % 1.0
        if share * 2.2 > i * 0.055:
            away, angle = 14 + (i * 37) % 92, i * 2.4
            spot = 320 + away * math.cos(angle), 180 + away * math.sin(angle)
            c.disc(*spot, 2 + 8 * life, mix(COFFEE, CREAM, 0.35 + 0.3 * life))
            c.disc(spot[0] - 1, spot[1] - 1, 1 + 5 * life, mix(COFFEE, GOLD, 0.45))
    turn = share * math.tau * 2
    if share < 0.6:
        c.disc(320 + 52 * math.cos(turn), 180 + 52 * math.sin(turn), 9, mix(SKY, SNOW, 0.4))
    c.text(92, 48, f"0:{round(share * 40):02}", 38, NIGHT, bold=True)
    c.text(556, 48, "45 g", 38, NIGHT, bold=True)
    return c.done()


def latte_frame(share: float) -> Image.Image:
    """Return one frame of a heart being poured, upright, for phones."""
    c, crema = Canvas(360, 640, CEDAR), mix(COFFEE, ORANGE, 0.3)
    for i in range(8):
        c.box(0, i * 80, 360, i * 80 + 78, mix(CEDAR, INK if i % 2 else CREAM, 0.07))
    from_above(c, 180, 350, 138, crema)
    poured(c, 180, 350, 138, crema, min(1.0, share * 1.25))
    if share < 0.8:
        x = 180 + 10 * math.sin(share * 40)
        c.path([(x, 150), (180, 350 + 30 - share * 60)], SNOW, 7)
        c.shape(
            [(x - 70, 30), (x + 70, 30), (x + 46, 130), (x, 158), (x - 46, 130)],
            mix(SKY, SNOW, 0.3),
        )
    c.text(180, 585, "Northwind" if share > 0.8 else "steady now", 34, PAPER, bold=True)
    return c.done()


def school_frame(share: float) -> Image.Image:
    """Return one frame of the title of the Brewing School films."""
    c = Canvas(640, 360, FOREST)
    c.box(0, 270, 640, 360, mix(FOREST, INK, 0.35))
    cup(c, 162, 186, 78, CREAM, COFFEE)
    for x in (130, 162, 194):
        c.path(wave(x, 52, 166, 15, x - share * math.tau * 2), mix(FOREST, SNOW, 0.75), 6)
    shown = min(1.0, share * 2)
    c.text(430, 150, "Brewing\nSchool", 62, mix(FOREST, CREAM, shown), bold=True)
    c.box(322, 236, 322 + 216 * shown, 241, ORANGE)
    c.text(430, 312, "one question, one film", 26, mix(FOREST, CREAM, max(0.25, share)))
    return c.done()


def kept(picture: Image.Image, longest: int = LONGEST) -> Image.Image:
    """Return a picture with no side longer than that."""
    share = min(1.0, longest / max(picture.size))
    size = (round(picture.width * share), round(picture.height * share))
    return picture.resize(size, Image.Resampling.LANCZOS)


def film(path: Path, frame: Callable[[float], Image.Image], seconds: int) -> None:
    """Encode frames as H.264, without anything in the file that changes from run to run."""
    rate = 20
    pictures = [frame(i / (seconds * rate - 1)) for i in range(seconds * rate)]
    width, height = pictures[0].size
    source = [
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        str(rate),
        "-i",
        "-",
    ]
    codec = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "26", "-x264-params", "threads=1"]
    plain = ["-pix_fmt", "yuv420p", "-flags:v", "+bitexact", "-fflags", "+bitexact"]
    ending = ["-map_metadata", "-1", "-movflags", "+faststart", str(path)]
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-y", *source, *codec, *plain, *ending],
        input=b"".join(picture.tobytes() for picture in pictures),
        check=True,
    )


JPEGS = [polar_night_bag, pour_over, huila_valley, kyoto_bar, cupping_table, story_kyoto]
PNGS = [
    roast_curve,
    cup_club,
    pour_over_guide,
    cardamom_latte,
    orange_mocha,
    throwdown_poster,
    northwind_logo,
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the media of the sample campaign.")
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for picture in JPEGS:
        name = picture.__name__.replace("_", "-") + ".jpg"
        kept(picture()).save(folder / name, quality=50, optimize=True, progressive=True)
    for picture in PNGS:
        name = picture.__name__.replace("_", "-") + ".png"
        few = kept(picture()).quantize(
            24, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        few.save(folder / name, optimize=True)
    frames = steam()[::2]
    first, *others = [kept(frame, 180).quantize(24, dither=Image.Dither.NONE) for frame in frames]
    first.save(folder / "steam.gif", save_all=True, append_images=others, duration=180, loop=0)
    film(folder / "brewing-school.mp4", school_frame, 3)
    film(folder / "the-bloom.mp4", bloom_frame, 4)
    film(folder / "latte-pour.mp4", latte_frame, 4)
    for path in sorted(folder.iterdir()):
        if path.suffix in {".jpg", ".png", ".gif", ".mp4"}:
            print(f"{path.stat().st_size:>8,}  {path.name}")


if __name__ == "__main__":
    main()
