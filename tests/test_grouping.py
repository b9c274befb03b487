"""Which cells take turns."""

from edgedoc.recipes import Task
from edgedoc_bench.cells import Cell, Kind, Measure, Setting, Subject
from edgedoc_bench.grouping import MOST, PROCESS_BYTES, groups


def _cell(name: str, measure: Measure = Measure.DOCUMENTS, task: Task = Task.READER) -> Cell:
    subject = Subject(kind=Kind.ARTIFACT, name=name)
    return Cell(id=name, measure=measure, subject=subject, task=task, documents="samples", setting=Setting())


def _names(cells: list[Cell], sizes: dict[str, int], memory: int | None) -> list[str]:
    return ["".join(cell.id for cell in group) for group in groups(cells, sizes, memory)]


def test_cells_of_one_task_run_in_turns_and_comparisons_alone() -> None:
    cells = [_cell("a"), _cell("b"), _cell("c", task=Task.CHUNKER)]
    cells += [_cell("d", Measure.FIDELITY), _cell("e", Measure.FIDELITY)]
    assert _names(cells, {}, None) == ["ab", "c", "d", "e"]


def test_no_more_are_alive_than_the_memory_holds() -> None:
    cells = [_cell(name) for name in "abcd"]
    two = 2 * 2 * (PROCESS_BYTES + 2 * 100)
    assert _names(cells, dict.fromkeys("abcd", 100), two) == ["ab", "cd"]
    # One that does not fit runs alone: the engine is the one to refuse it.
    assert _names(cells, {"b": two}, two) == ["a", "b", "cd"]


def test_a_peer_is_as_large_as_what_it_runs() -> None:
    cells = [_cell("x: a"), _cell("y: a")]
    assert _names(cells, {"a": 1000}, 4 * PROCESS_BYTES) == ["x: a", "y: a"]


def test_no_more_than_so_many() -> None:
    assert [len(group) for group in groups([_cell(str(n)) for n in range(MOST + 3)], {}, 1 << 40)] == [MOST, 3]
