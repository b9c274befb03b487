"""What the answers in a folder of results are worth: one row of figures for every document of every cell.

Works on what the harness wrote down, so it runs no model and can be run again when a metric changes. Knows no summary.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from edgedoc.decoding.loop import FinishReason
from edgedoc.errors import UsageError
from edgedoc.recipes import Task
from edgedoc.tasks.window import Flag
from edgedoc_bench.chunk_scores import block_integrity, boundary_scores, chunk_lengths, paragraphs, size_compliance
from edgedoc_bench.corpus import Sample
from edgedoc_bench.page_scores import Page, agreement, score_page
from edgedoc_bench.results import OK, Results, Row
from edgedoc_bench.segmentation import f1

Values = dict[str, float | None]


def score(results: Results, told: Callable[[int, int], None] | None = None) -> Iterator[dict[str, Any]]:
    """Rows {cell, task, set, document, document_kind, values} of every output of the cells that were measured.

    `told` hears the outputs done and their number. Values are None where a document has nothing to measure. Raises
    UsageError when an output or a set is gone, MissingPackageError.
    """
    cells = [cell for cell in results.cells if cell["measure"] == "documents" and cell["status"] == OK]
    pages: dict[tuple[str, str], Page] = {}
    total = sum(len(results.outputs(cell["cell"])) for cell in cells)
    done = 0
    for cell in cells:
        samples = {sample.id: sample for sample in results.documents(cell["set"], cell["task"])}
        reference = {row["document"]: row for row in results.outputs(cell["reference"])} if cell["reference"] else {}
        for output in results.outputs(cell["cell"]):
            name = output["document"]
            if name not in samples:
                raise UsageError(f"The document {name} is not in the set {cell['set']} any more. Run the bench again.")
            sample, other = samples[name], reference.get(name)
            if cell["task"] == Task.READER:
                page = pages.setdefault((cell["set"], name), Page(sample.source, sample.gold))
                values = reader_values(page, results.text(output), results.text(other) if other else None, output)
            else:
                answer = json.loads(results.text(output))
                values = chunker_values(sample, answer, json.loads(results.text(other)) if other else None, output)
            yield {
                **{"cell": cell["cell"], "task": cell["task"], "set": cell["set"]},
                **{"document": name, "document_kind": sample.kind, "values": values},
            }
            done += 1
            if told is not None:
                told(done, total)


def reader_values(page: Page, markdown: str, reference: str | None, output: Row) -> Values:
    """Of one page; `reference` is full precision's Markdown of it, None where this is full precision or no model."""
    values = score_page(page, markdown) | {"truncated": truncated(output)}
    return values | agreement(reference, markdown) if reference is not None else values


def chunker_values(sample: Sample, answer: Row, reference: Row | None, output: Row) -> Values:
    """Of one text; `reference` is full precision's answer, None where this is full precision or no model."""
    starts = {start for start in answer["starts"] if start > 0}
    values: Values = {
        "block_integrity": block_integrity(sample.source, starts),
        "size_compliance": size_compliance(chunk_lengths(sample.source, starts)),
        "head_match": output["matched"] / output["heads"] if output.get("heads") else None,
        "truncated": truncated(output),
    }
    items = sample.items if sample.items is not None else paragraphs(sample.source)
    if sample.boundaries is not None and items:
        values |= boundary_scores(sample.source, items, sample.boundaries, starts)
    if reference is not None:
        others = {start for start in reference["starts"] if start > 0}
        values |= {"same": float(starts == others), "agreement": f1(len(starts & others), len(starts), len(others))}
    return values


def truncated(output: Row) -> float | None:
    """1 where a window came to no end of its own; None for who has no windows."""
    if (finish := output.get("finish")) is not None:
        return float(any(reason != FinishReason.STOP for reason in finish))
    if (windows := output.get("flags")) is not None:
        return float(any({Flag.TRUNCATED, Flag.LOOPED} & set(flags) for flags in windows))
    return None
