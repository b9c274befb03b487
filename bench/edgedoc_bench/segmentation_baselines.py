"""What a chunker has to beat without reading: no boundary, all, every so many items, and chance at the same rate.

And the splitters people use today, which see characters and structure but no topic. Knows no metric.
"""

import random
from collections.abc import Callable, Sequence

from edgedoc.errors import MissingPackageError
from edgedoc_bench.segmentation_document import Document

FLOORS = ("none", "all", "uniform", "random")

Cutter = Callable[[str], list[int]]
"""A text to the positions, in characters, where its chunks start."""


def floor(name: str, document: Document, mean: float, seed: int) -> frozenset[int]:
    """Boundaries of one of FLOORS; `mean` is the segment length in items that uniform and random go by.

    Random draws from `seed` and the document's id, so that no document depends on the ones before it.
    """
    items = len(document.items)
    size = max(1, round(mean))
    if name == "none":
        return frozenset()
    if name == "all":
        return frozenset(range(items - 1))
    if name == "uniform":
        return frozenset(range(size - 1, items - 1, size))
    draw = random.Random(f"{seed} {document.id}")
    return frozenset(item for item in range(items - 1) if draw.random() < 1 / mean)


def mean_items(documents: Sequence[Document]) -> float:
    """Mean segment length of a set in items: what the floors are told, and no chunker is."""
    return sum(len(one.items) for one in documents) / sum(len(one.boundaries) for one in documents)


def mean_characters(documents: Sequence[Document]) -> int:
    """Mean segment length of a set in characters: what the splitters are told."""
    lengths = [len(segment) for one in documents for segment in one.segments()]
    return max(1, round(sum(lengths) / len(lengths)))


def structural(size: int, *, markdown: bool) -> Cutter:
    """semantic-text-splitter: as much as fits into `size` characters, cut at the highest structure there is.

    Raises MissingPackageError.
    """
    try:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter
    except ImportError as error:
        raise MissingPackageError("semantic-text-splitter", "bench") from error
    splitter = MarkdownSplitter(size) if markdown else TextSplitter(size)
    return lambda text: [start for start, _ in splitter.chunk_indices(text)]


def recursive(size: int, *, markdown: bool) -> Cutter:
    """LangChain's RecursiveCharacterTextSplitter without overlap, the default everybody has.

    Raises MissingPackageError.
    """
    try:
        from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingPackageError("langchain-text-splitters", "bench") from error
    options = {"chunk_size": size, "chunk_overlap": 0, "add_start_index": True}
    splitter = (
        RecursiveCharacterTextSplitter.from_language(Language.MARKDOWN, **options)
        if markdown
        else RecursiveCharacterTextSplitter(**options)
    )
    return lambda text: [chunk.metadata["start_index"] for chunk in splitter.create_documents([text])]
