"""How good the teacher of train_marks.py is, on data sets nobody trained on: what a network that imitates it can reach.

    python models/training/evaluate_teacher.py --data docs.jsonl.gz --sets SEGMENTATION [--names markdown openstax]

Headings are stripped. Prints, beside the floors and by threshold, the mean Pk of the documents, its difference to no
cuts with the standard error, boundary F1 and cuts a place; AP is the average precision. Needs scikit-learn, no torch.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sections import HELD_OUT, blocks, documents
from sklearn.metrics import average_precision_score
from teacher import features, fit

from edgedoc_bench.segmentation import Summary, inner, score
from edgedoc_bench.segmentation_baselines import FLOORS, floor, mean_items
from edgedoc_bench.segmentation_data import load
from edgedoc_bench.segmentation_document import Document

THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4)
SEED = 1


def line(name: str, found: Sequence[Document], cuts: Sequence[frozenset[int]]) -> str:
    """One way of cutting, next to no cuts."""
    both = [
        [score(reference=one.boundaries, hypothesis=given, items=len(one.items)) for given in (cut, frozenset())]
        for one, cut in zip(found, cuts, strict=True)
    ]
    summary = Summary.of([mine for mine, _ in both])
    pairs = [(mine.pk, none.pk) for mine, none in both if mine.pk is not None and none.pk is not None]
    differences = np.array([mine - none for mine, none in pairs])
    rate = sum(map(len, cuts)) / sum(len(one.items) - 1 for one in found)
    error = differences.std() / len(pairs) ** 0.5
    return (
        f"{name:12} Pk {summary.pk_macro:.3f} ({differences.mean():+.3f} +- {error:.3f})"
        f"  F1 {summary.f1_micro:.3f}  cuts a place {rate:.3f}"
    )


def main() -> None:
    """Parse options, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--sets", type=Path, required=True, help="folder of NAME.jsonl.gz")
    parser.add_argument("--names", nargs="+", default=["markdown", "openstax"])
    options = parser.parse_args()
    taught = [blocks(row, headings=False) for number, row in enumerate(documents(options.data)) if number % HELD_OUT]
    taught = [document for document in taught if len(document) > 3]
    rows = np.concatenate([features([block.text for block in document]) for document in taught])
    labels = np.concatenate([[block.title is not None for block in document[1:]] for document in taught])
    trees = fit(rows, labels)
    for name in options.names:
        found = load(options.sets, name, None)
        likely: list[NDArray[np.float64]] = [trees.predict_proba(features(one.items))[:, 1] for one in found]
        true = [[at in inner(one.boundaries, len(one.items)) for at in range(len(one.items) - 1)] for one in found]
        places = np.concatenate(true)
        print(
            f"{name}: {len(found)} documents, boundaries {places.mean():.3f} of the places, "
            f"AP {average_precision_score(places, np.concatenate(likely)):.3f}"
        )
        for kind in FLOORS:
            print(line(kind, found, [frozenset(floor(kind, one, mean_items(found), SEED)) for one in found]))
        for threshold in THRESHOLDS:
            cuts = [frozenset(np.flatnonzero(chances >= threshold).tolist()) for chances in likely]
            print(line(f"from {threshold}", found, cuts))


if __name__ == "__main__":
    main()
