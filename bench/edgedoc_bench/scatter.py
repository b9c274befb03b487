"""A scatter plot as inline SVG: quality over a cost, the frontier drawn, every point named. Knows no bench.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), and no meaning is in a colour alone: shapes differ too.
Text and lines take the page's own colours, so that dark and light need one drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edgedoc_bench.axis import Axis
from edgedoc_bench.labels import Box, place
from edgedoc_bench.pareto import frontier

WIDTH, HEIGHT = 360.0, 270.0
AREA = Box(58, 12, 350, 226)
RADIUS = 4.5
FONT = 10.5
SERIES = ("gguf", "onnx", "baseline", "peer")
LETTER = 0.58
"""Width of a letter in parts of the font's size, on the wide side of what system fonts have."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """`series` chooses shape and colour; `told` is what a pointer over it says; `ringed` marks full precision."""

    x: float
    y: float
    label: str
    series: str
    told: str
    ringed: bool = False


def draw(points: Sequence[Point], *, x: str, y: str, title: str) -> str:
    """The plot, "" without points: less of `x` is better, more of `y`. Both axes are named in it, with their units."""
    if not points:
        return ""
    across = Axis.of([point.x for point in points], may_be_logarithmic=True)
    up = Axis.of([point.y for point in points])
    places = [(_across(across, point.x), _up(up, point.y)) for point in points]
    front = frontier([(point.x, point.y) for point in points])
    scale = " on a logarithmic scale" if across.logarithmic else ""
    told = f"{title}. {y} against {x}{scale}; on the frontier: {', '.join(points[i].label for i in front)}."
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img">',
        f"<title>{escape(told)}</title>",
        *_grid(across, up, f"{x}, log scale" if across.logarithmic else x, y),
        _line([places[index] for index in front]),
        *_labels(points, places),
        *(_mark(point, *where) for point, where in zip(points, places, strict=True)),
        "</svg>",
    ]
    return "".join(parts)


def key(series: Sequence[tuple[str, str]], *, ringed: bool) -> str:
    """The legend of plots as HTML: pairs of a series and what it is called."""
    items = []
    for name, title in series:
        point = Point(x=0, y=0, label="", series=name, told=title)
        items.append(_key(_mark(point, 7, 7), title))
    if ringed:
        items.append(_key('<circle class="ring" cx="7" cy="7" r="6"/>', "full precision"))
    return f'<p class="keys">{"".join(items)}<span class="key"><i class="front"></i>frontier</span></p>'


def _key(mark: str, title: str) -> str:
    return f'<span class="key"><svg viewBox="0 0 14 14" aria-hidden="true">{mark}</svg>{escape(title)}</span>'


def _across(axis: Axis, value: float) -> float:
    return AREA.left + axis.at(value) * (AREA.right - AREA.left)


def _up(axis: Axis, value: float) -> float:
    return AREA.bottom - axis.at(value) * (AREA.bottom - AREA.top)


def _grid(across: Axis, up: Axis, x: str, y: str) -> list[str]:
    parts = []
    for tick in up.ticks:
        at, beside = _up(up, tick), AREA.left - 5
        parts.append(f'<path class="grid" d="M{AREA.left:g} {at:.1f}H{AREA.right:g}"/>')
        parts.append(f'<text class="tick" x="{beside:g}" y="{at + 3.5:.1f}" text-anchor="end">{up.text(tick)}</text>')
    last = float("-inf")
    for tick in across.ticks:
        at, text = _across(across, tick), across.text(tick)
        half = len(text) * FONT * LETTER / 2
        parts.append(f'<path class="grid" d="M{at:.1f} {AREA.top:g}V{AREA.bottom:g}"/>')
        # A tick whose figure would touch the one before stays a line.
        if at - half > last + 4:
            parts.append(f'<text class="tick" x="{at:.1f}" y="{AREA.bottom + 14:g}" text-anchor="middle">{text}</text>')
            last = at + half
    middle = (AREA.left + AREA.right) / 2
    parts.append(f'<text class="axis" x="{middle:g}" y="{HEIGHT - 12:g}" text-anchor="middle">← {escape(x)}</text>')
    height = (AREA.top + AREA.bottom) / 2
    parts.append(
        f'<text class="axis" transform="translate(11 {height:g}) rotate(-90)" text-anchor="middle">{escape(y)} →</text>'
    )
    return parts


def _line(places: Sequence[tuple[float, float]]) -> str:
    """The frontier as steps: between two points the cheaper one is what can be had."""
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return f'<path class="front" d="{path}H{AREA.right:g}"/>'


def label_boxes(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> list[Box | None]:
    """Where the labels go."""
    sizes = [(len(point.label) * FONT * LETTER + 2, FONT + 2) for point in points]
    return place(places, sizes, AREA, RADIUS + 3)


def _labels(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> list[str]:
    parts = []
    for point, (x, y), box in zip(points, places, label_boxes(points, places), strict=True):
        if box is None:
            continue
        near_x, near_y = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
        if abs(near_x - x) + abs(near_y - y) > RADIUS + 6:
            parts.append(f'<path class="leader" d="M{x:.1f} {y:.1f}L{near_x:.1f} {near_y:.1f}"/>')
        width = box.right - box.left - 2
        parts.append(
            f'<text class="label" x="{box.left + 1:.1f}" y="{box.bottom - 3:.1f}" textLength="{width:.1f}" '
            f'lengthAdjust="spacingAndGlyphs">{escape(point.label)}</text>'
        )
    return parts


def _mark(point: Point, x: float, y: float) -> str:
    r = RADIUS
    shapes = {
        "gguf": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>',
        "onnx": f'<rect x="{x - r + 0.5:.1f}" y="{y - r + 0.5:.1f}" width="{2 * r - 1}" height="{2 * r - 1}"/>',
        "baseline": f'<path d="M{x:.1f} {y - r:.1f}l{r} {2 * r - 1}h{-2 * r}z"/>',
        "peer": f'<path d="M{x:.1f} {y - r - 1:.1f}l{r + 1} {r + 1}l{-r - 1} {r + 1}l{-r - 1} {-r - 1}z"/>',
    }
    ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="{r + 2.5}"/>' if point.ringed else ""
    return f'<g class="{escape(point.series)}"><title>{escape(point.told)}</title>{shapes[point.series]}{ring}</g>'
