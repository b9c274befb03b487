"""How closely a quantised chunker follows full precision: token by token, in its heads, and in where it cuts.

Low bits show first in the heads: a model that is free to write what it likes misquotes the text, names places out of
order or stops naming any, long before its cuts look strange, and published code then falls back to fixed lengths.
Dictated heads (`Heads.CONSTRAINED`) hide all of that, so here they are written freely. Knows no gold boundaries.
"""

from collections.abc import Sequence
from functools import partial

from edgedoc.artifact import Artifact
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
from edgedoc_bench.chunk_passages import read_texts
from edgedoc_bench.chunk_rows import Bill
from edgedoc_bench.fidelity import compare_passages
from edgedoc_bench.segmentation import f1

RATES = ("match_rate", "order_rate", "fallback_rate")


def compare_chunkers(
    reference: Artifact, artifact: Artifact, texts: Sequence[str], threads: int | None = None
) -> dict[str, float | None]:
    """Figures of `artifact`; those of `reference` for the rates under the same names with "reference_" before.

    `kl_mean`, `kl_p99` (nats a token), `top1_agreement`, `perplexity_ratio`, `agreement_length`, `agreement_share` on
    the texts with an answer that cuts every block, as `chunk_passages` has it; `positions`, their number. With heads
    written freely: `match_rate`, heads that are in the text behind the one before; `order_rate`, those of the heads in
    the text that come in its order; `fallback_rate`, windows in which not every head was found; `cuts_f1`, of the cuts
    with the reference's.

    Raises UsageError when the two are not of one model or no text has anything to read, EngineError.
    """
    found = compare_passages(
        reference, artifact, partial(read_texts, texts), what="full precision", text="the given texts", threads=threads
    ).answer.as_dict()
    values = {name: float(str(value)) if value is not None else None for name, value in found.items()}
    cuts, bill = _free(artifact, texts, threads)
    reference_cuts, reference_bill = _free(reference, texts, threads)
    hits = sum(len(one & other) for one, other in zip(cuts, reference_cuts, strict=True))
    values["cuts_f1"] = f1(hits, sum(map(len, cuts)), sum(map(len, reference_cuts)))
    for name in RATES:
        values[name] = bill.as_dict()[name]
        values[f"reference_{name}"] = reference_bill.as_dict()[name]
    return values


def _free(artifact: Artifact, texts: Sequence[str], threads: int | None) -> tuple[list[frozenset[int]], Bill]:
    """Where chunks start but for the first, text by text, and the bill."""
    bill, cuts = Bill(), []
    with Chunker.open(artifact.path, heads=Heads.FREE, threads=threads) as chunker:
        for text in texts:
            chunking = chunker.chunk(text)
            bill.add(chunking)
            cuts.append(frozenset(chunk.start for chunk in chunking.chunks if chunk.start))
    return cuts, bill
