"""Finds places for the labels of points so that no label covers another, a point or the edge. Knows no drawing."""

from collections.abc import Sequence
from typing import NamedTuple

REACH = (9, 18, 30, 44, 60, 78)
"""Distances from the point that are tried, near ones first."""
SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))


class Box(NamedTuple):
    """A rectangle; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share any area."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: "Box") -> bool:
        """Whether this lies in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def place(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], area: Box, radius: float
) -> list[Box | None]:
    """A box for the label of each point, (width, height) of `sizes`; None where there is no free place.

    Points at the edge choose first: they have the fewest places.
    """
    dots = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    found: list[Box | None] = [None] * len(points)
    middle = (area.left + area.right) / 2
    for index in sorted(range(len(points)), key=lambda i: -abs(points[i][0] - middle)):
        taken = [*dots, *(box for box in found if box is not None)]
        found[index] = next(
            (
                box
                for box in _around(points[index], sizes[index])
                if box.within(area) and not any(box.overlaps(other) for other in taken)
            ),
            None,
        )
    return found


def _around(point: tuple[float, float], size: tuple[float, float]) -> list[Box]:
    boxes = []
    for reach in REACH:
        for side_x, side_y in SIDES:
            x = point[0] + side_x * reach - (size[0] * (1 - side_x) / 2)
            y = point[1] + side_y * reach - (size[1] * (1 - side_y) / 2)
            boxes.append(Box(x, y, x + size[0], y + size[1]))
    return boxes
