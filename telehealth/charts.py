"""Draws columns as shapes with whole numbers, for an SVG in a template. Knows nothing of where figures come from."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 200, 44, 12, 26
MOST_LABELS = 7
STEPS = (2, 4, 6, 10)  # each has a whole half
ROW, NAMES = 26, 190


@dataclass(frozen=True)
class Series:
    """`kind` is the class that colours it; a figure that does not exist is None."""

    kind: str
    name: str
    figures: Sequence[int | None]


@dataclass(frozen=True)
class Column:
    kind: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Mark:
    """A text at a place: under a column, or beside a line across."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    left: int
    right: int
    base: int
    columns: Sequence[Column]
    labels: Sequence[Mark]
    lines: Sequence[Mark]
    is_lying: bool = False


def columns(labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Put the figures of each label side by side, one column for each series."""
    top = _round_up(max((figure or 0 for one in series for figure in one.figures), default=0))
    base, right = HEIGHT - BOTTOM, WIDTH - 8
    step = (right - LEFT) / max(1, len(labels))
    width = max(2, int(step * 0.8 / max(1, len(series))))
    drawn = [
        Column(one.kind, int(LEFT + step * place + step * 0.1 + width * n), base - high, width, high)
        for n, one in enumerate(series)
        for place, figure in enumerate(one.figures)
        if (high := round((figure or 0) / top * (base - TOP)))
    ]
    every = -(-len(labels) // MOST_LABELS) or 1
    named = [Mark(int(LEFT + step * (n + 0.5)), HEIGHT - 8, text) for n, text in enumerate(labels) if n % every == 0]
    across = [Mark(LEFT - 6, base - round(part / 2 * (base - TOP)), str(top * part // 2)) for part in range(3)]
    return Chart(WIDTH, HEIGHT, LEFT, right, base, drawn, named, across)


def bars(labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Take one series; put one lying bar after the other, its name before it and its figure behind it."""
    (one,) = series
    top = _round_up(max((figure or 0 for figure in one.figures), default=0))
    right, height = WIDTH - 60, ROW * len(labels) + TOP
    drawn = [
        Column(one.kind, NAMES, TOP + ROW * n, round((figure or 0) / top * (right - NAMES)), ROW - 8)
        for n, figure in enumerate(one.figures)
    ]
    names = [Mark(NAMES - 8, TOP + ROW * n + (ROW - 8) // 2, text) for n, text in enumerate(labels)]
    said = [
        Mark(bar.x + bar.width + 24, bar.y + (ROW - 8) // 2, str(figure or 0))
        for bar, figure in zip(drawn, one.figures, strict=True)
    ]
    return Chart(WIDTH, height, NAMES, right, height, drawn, [*names, *said], [], is_lying=True)


def _round_up(figure: int) -> int:
    """Return the next number that reads well at the top of a scale: 2, 4, 6, 10, 20, 40 …"""
    power = 1
    while True:
        for step in STEPS:
            if step * power >= figure:
                return step * power
        power *= 10
