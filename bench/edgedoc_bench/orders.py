"""What the process of a cell is told to do. Starts none."""

from collections.abc import Mapping
from dataclasses import asdict
from statistics import fmean

from edgedoc.recipes import Task
from edgedoc_bench.cell_contract import Order
from edgedoc_bench.cells import Cell, Kind, Measure
from edgedoc_bench.document_sets import Set
from edgedoc_bench.making import Made
from edgedoc_bench.suite import Suite

TENTH = 10
"""Segments that a document is taken to have when nobody has segmented it."""


def order_of(cell: Cell, suite: Suite, made: Made, sets: Mapping[tuple[str, Task], Set]) -> Order:
    """The order for `cell`, all paths absolute: the process may run anywhere."""
    documents = sets.get((cell.documents or "", cell.task))
    labels = {one.label: one for one in made.given}
    # A peer is named after the artifact it runs, or after the model whose checkpoint it does.
    name = cell.subject.name.partition(": ")[2] if cell.subject.kind is Kind.PEER else cell.subject.name
    given = labels.get(name)
    against = labels.get((given.reference if given is not None else None) or "")
    folder = given.artifact.path if given is not None else made.checkpoints.get(name)
    return Order(
        measure=cell.measure,
        kind=cell.subject.kind,
        name=cell.subject.name,
        task=cell.task,
        model=str(folder.absolute()) if folder is not None else None,
        against=str(against.artifact.path.absolute()) if against is not None else None,
        documents=str(documents.path.absolute()) if documents is not None else None,
        depths=tuple(sorted(suite.context.depths)),
        decode=suite.context.decode,
        mean=_mean_segment(documents) if documents is not None and cell.subject.kind is Kind.BASELINE else 0.0,
        penalty=next((one.penalty for one in made.given if one.model == name), 1.0),
        **asdict(cell.setting),
    )


def timeout_of(cell: Cell, suite: Suite, sets: Mapping[tuple[str, Task], Set]) -> float:
    """Seconds an answer may take: a comparison reads every document, a sweep goes to every depth."""
    if cell.measure is Measure.FIDELITY:
        return suite.timeout * len(sets[cell.documents or "", cell.task].samples)
    return suite.timeout * (len(suite.context.depths) if cell.measure is Measure.CONTEXT else 1)


def _mean_segment(documents: Set) -> float:
    """Mean characters of a true segment."""
    return fmean(
        len(sample.source) / (len(sample.boundaries) + 1 if sample.boundaries is not None else TENTH)
        for sample in documents.samples
    )
