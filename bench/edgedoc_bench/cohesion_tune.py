"""Chooses the block and the cut-off of `cohesion` on documents to train on, never on those it is measured with.

    python -m edgedoc_bench.cohesion_tune ../shared/data/seg_train/docs.jsonl.gz [--documents 400]

For each block the cut-off at which it cuts as often as the documents do: the best Pk would be that of cutting hardly
ever, which "none" shows already. Of the blocks the one with the highest F1 there.
"""

import argparse
import random
from pathlib import Path

from edgedoc_bench.cohesion import deepest, depths, similarities
from edgedoc_bench.segmentation import Summary, score
from edgedoc_bench.segmentation_data import document, rows
from edgedoc_bench.segmentation_document import Document

BLOCKS = (2, 3, 5, 8)
CUTOFFS = tuple(step / 10 for step in range(0, 21))
SEED = 1


def tune(documents: list[Document]) -> list[tuple[int, float, Summary]]:
    """For each block its cut-off and how it does with it, the best first."""
    found = []
    for block in BLOCKS:
        valleys = [depths(similarities(one.items, block)) for one in documents]
        tried = [(cutoff, _measure(documents, valleys, cutoff)) for cutoff in CUTOFFS]
        found.append((block, *min(tried, key=lambda one: abs(one[1].segment_ratio - 1))))
    return sorted(found, key=lambda one: -one[2].f1_micro)


def _measure(documents: list[Document], valleys: list[list[float]], cutoff: float) -> Summary:
    return Summary.of(
        [
            score(reference=one.boundaries, hypothesis=deepest(found, cutoff), items=len(one.items))
            for one, found in zip(documents, valleys, strict=True)
        ]
    )


def main() -> None:
    """Print the table; the first line is what `cohesion` should hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=400)
    options = parser.parse_args()
    found = [document(row, f"{options.data.name}:{number}") for number, row in rows(options.data)]
    found = [one for one in found if len(one.boundaries) > 1]
    random.Random(SEED).shuffle(found)
    for block, cutoff, summary in tune(found[: options.documents]):
        print(
            f"block {block} cut-off {cutoff}: segment ratio {summary.segment_ratio:.2f}, "
            f"F1 {summary.f1_micro:.3f}, Pk {summary.pk_macro:.3f}"
        )


if __name__ == "__main__":
    main()
