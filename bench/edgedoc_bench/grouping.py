"""Which cells are alive at the same time and take turns. Knows no process and no figure."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from edgedoc_bench.cells import Cell, Measure

PROCESS_BYTES = 256 << 20
"""What a process takes beside its model, generously."""
UNKNOWN_BYTES = 4 << 30
"""Memory assumed where the system does not say."""
MOST = 16
"""Cells at once: neighbours of one document should be seconds apart, not minutes."""


def groups(cells: Sequence[Cell], sizes: Mapping[str, int], memory: int | None) -> list[list[Cell]]:
    """`cells` in their order, those of one measure, task and set together, as many as half of `memory` (bytes) holds.

    `sizes`: label of an artifact -> bytes of its file, counted twice for what kernels make of it. Comparisons have the
    machine for themselves: they take the same answer from every order.
    """
    room = (UNKNOWN_BYTES if memory is None else memory) // 2
    found: list[list[Cell]] = []
    for (measure, _, _), together in groupby(cells, lambda cell: (cell.measure, cell.task, cell.documents)):
        taken, group = 0, list[Cell]()
        for cell in together:
            # A peer is named after the artifact it runs.
            need = PROCESS_BYTES + 2 * sizes.get(cell.subject.name.rpartition(": ")[2], 0)
            if group and (measure is Measure.FIDELITY or len(group) == MOST or taken + need > room):
                found.append(group)
                taken, group = 0, []
            taken += need
            group.append(cell)
        found.append(group)
    return found
