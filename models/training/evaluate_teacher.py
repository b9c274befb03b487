"""How good the teacher of train_marks.py is, on data sets nobody trained on: what a network that imitates it can reach.

    python models/training/evaluate_teacher.py --data docs.jsonl.gz --sets SEGMENTATION [--names markdown openstax]

Headings are stripped. Prints chunk_bench's table: floors, lexical cohesion, and cuts from several thresholds on. Needs
scikit-learn, no torch.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sections import HELD_OUT, blocks, documents
from sklearn.metrics import average_precision_score
from teacher import features, fit, lessons

from edgedoc_bench.chunk_rows import Row, cohesion_row, floor_row
from edgedoc_bench.chunk_table import Table, page
from edgedoc_bench.machine import describe
from edgedoc_bench.segmentation import inner, score
from edgedoc_bench.segmentation_baselines import FLOORS, mean_items
from edgedoc_bench.segmentation_data import load
from edgedoc_bench.segmentation_document import Document

THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4)
SEED = 1


def measure(name: str, found: Sequence[Document], likely: Sequence[NDArray[np.float64]]) -> Table:
    """The trees on one set; `likely` has the likelihoods of every document's blocks but its first."""
    rows = [floor_row(kind, found, mean_items(found), SEED) for kind in FLOORS]
    rows.append(cohesion_row(found))
    for threshold in THRESHOLDS:
        scores = [
            score(
                reference=one.boundaries, hypothesis=np.flatnonzero(chances >= threshold).tolist(), items=len(one.items)
            )
            for one, chances in zip(found, likely, strict=True)
        ]
        rows.append(Row(name=f"trees, from {threshold}", scores=tuple(scores)))
    return Table(name=name, headings=False, unit=found[0].unit, rows=tuple(rows))


def main() -> None:
    """Parse options, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--sets", type=Path, required=True, help="folder of NAME.jsonl.gz")
    parser.add_argument("--names", nargs="+", default=["markdown", "openstax"])
    options = parser.parse_args()
    taught = [blocks(row, headings=False) for number, row in enumerate(documents(options.data)) if number % HELD_OUT]
    taught = [document for document in taught if len(document) > 3]
    rows, labels = lessons(taught)
    trees = fit(np.concatenate(rows), labels)
    tables, precisions = [], []
    for name in options.names:
        found = load(options.sets, name, None)
        likely = [trees.predict_proba(features(one.items))[:, 1] for one in found]
        true = [[at in inner(one.boundaries, len(one.items)) for at in range(len(one.items) - 1)] for one in found]
        precision = average_precision_score(np.concatenate(true), np.concatenate(likely))
        precisions.append(f"{name}: average precision {precision:.3f}")
        tables.append(measure(name, found, likely))
    print(page(tables, precisions, describe().line()))


if __name__ == "__main__":
    main()
