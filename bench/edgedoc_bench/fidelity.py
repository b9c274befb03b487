"""How closely an artifact follows full precision of the same checkpoint, token by token. Knows no gold answers.

Both models read the same tokens, those that full precision wrote, and their next-token distributions are compared at
every answer position: top-1 agreement and Kullback-Leibler divergence (as llama.cpp's llama-perplexity defines them).
Rows are compared as they come: two slabs of logits are held at a time, whatever the length of the answers.
"""

import importlib.resources
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.artifact import RECIPE, TOKENIZER, Artifact
from edgedoc.engines import load
from edgedoc.engines.base import Engine
from edgedoc.errors import EngineError, UsageError
from edgedoc.manifest import MANIFEST
from edgedoc.recipes import Task, list_recipes
from edgedoc.tasks.reader import Fallback, Reader
from edgedoc.tokens import Tokenizer

SLAB = 64
"""Rows of logits held at a time: 152,000 columns make 39 MB of them."""
NAMED_PLACES = 5
"""Disagreements that are told one by one."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Agreement over `positions` answer positions of `windows` windows; divergence in nats per token."""

    windows: int
    positions: int
    top1_agreement: float
    kl_mean: float
    kl_p99: float
    kl_max: float
    disagreements: tuple[str, ...] = ()
    """Where the two part: "window 2, token 17: 'x' became 'y'", the first few."""

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Answered:
    """A prompt and the answer that full precision gave, as token ids."""

    prompt: Sequence[int]
    answer: Sequence[int]


def divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(reference || candidate) of each row, in nats; both (rows, vocabulary) logits."""
    # Row by row: in float64 a slab of both would be ten times a slab of float32.
    return np.array([_row_divergence(p, q) for p, q in zip(reference, candidate, strict=True)], np.float64)


def measure(
    reference: Engine, candidate: Engine, sequences: Iterable[Answered], tokenizer: Tokenizer | None = None
) -> Fidelity:
    """Compare two engines on `sequences`; disagreements are named as text where a tokenizer is given.

    Raises UsageError when there is nothing to compare or the vocabularies differ, EngineError for logits that are no
    numbers.
    """
    if reference.vocab_size != candidate.vocab_size:
        raise UsageError(
            f"The vocabularies have {reference.vocab_size} and {candidate.vocab_size} tokens: different models."
        )
    agreed: list[NDArray[np.bool_]] = []
    kls: list[NDArray[np.float64]] = []
    places: list[str] = []
    windows = 0
    for windows, sequence in enumerate(sequences, 1):
        position = 0
        for first, second in zip(answer_logits(reference, sequence), answer_logits(candidate, sequence), strict=True):
            best, other = first.argmax(-1), second.argmax(-1)
            agreed.append(best == other)
            kls.append(divergence(first, second))
            for row in np.flatnonzero(best != other)[: NAMED_PLACES - len(places)]:
                was, became = (_name(tokenizer, int(ids[row])) for ids in (best, other))
                places.append(f"window {windows}, token {position + row + 1}: {was} became {became}")
            position += len(first)
    if not agreed:
        raise UsageError("There is nothing to compare: no window of the pages has text.")
    kl = np.concatenate(kls)
    if np.isnan(kl).any():
        raise EngineError("The model's output is not a number: the weights are damaged. Export the model again.")
    return Fidelity(
        windows=windows,
        positions=len(kl),
        top1_agreement=float(np.concatenate(agreed).mean()),
        kl_mean=float(kl.mean()),
        kl_p99=float(np.quantile(kl, 0.99)),
        kl_max=float(kl.max()),
        disagreements=tuple(places),
    )


def answer_logits(engine: Engine, sequence: Answered) -> Iterator[NDArray[np.float32]]:
    """Logits of every position that predicts a token of the answer or its end, in slabs of (up to SLAB, vocabulary)."""
    engine.rewind(0)
    yield engine.extend(sequence.prompt, logits=1)
    for start in range(0, len(sequence.answer), SLAB):
        part = sequence.answer[start : start + SLAB]
        yield engine.extend(part, logits=len(part))


def compare(artifact: Artifact, against: str, pages: Sequence[bytes] | None = None) -> Fidelity:
    """Fidelity of `artifact` to `against`: a full-precision artifact folder, a checkpoint folder or a recipe name.

    `pages` default to the bundled samples. Raises UsageError when the two cannot be compared.
    """
    if artifact.recipe.task is not Task.READER:
        raise UsageError(
            f"{artifact.recipe.name} is a {artifact.recipe.task} model; only readers can be compared so far."
        )
    with tempfile.TemporaryDirectory(prefix="edgedoc-verify-") as scratch:
        folder = Path(against)
        if not (folder / MANIFEST).exists():
            from edgedoc_export.build import export

            # A checkpoint is read as the artifact reads: same prompt, same windows. A recipe's name says it all itself.
            named = against in {recipe.name for recipe in list_recipes()}
            recipe = None if named else artifact.path / RECIPE
            folder = export(against, preset="f32", out=Path(scratch) / "reference", recipe=recipe)
        return compare_artifacts(Artifact.open(folder), artifact, sample_pages() if pages is None else pages)


def compare_artifacts(reference: Artifact, candidate: Artifact, pages: Iterable[bytes]) -> Fidelity:
    """Fidelity of `candidate` to `reference` on `pages`, each read in full precision first."""
    if reference.manifest.files[TOKENIZER] != candidate.manifest.files[TOKENIZER]:
        raise UsageError(f"{candidate.path} and {reference.path} have different tokenizers: they are different models.")
    with Reader.open(reference.path, fallback=Fallback.NONE) as reader:
        engine = load(candidate, context_length=reader.engine.context_length)
        try:
            answered = [Answered(prompt, answer) for page in pages for prompt, answer in reader.answers(page)]
            return measure(reader.engine, engine, answered, reader.tokenizer)
        finally:
            engine.close()


def describe(found: Fidelity) -> str:
    """The measurement in words."""
    lines = [
        f"same next token as full precision at {found.top1_agreement:.2%} of {found.positions} positions "
        f"in {found.windows} windows",
        f"KL divergence {found.kl_mean:.5f} nats a token on average, {found.kl_p99:.5f} at the 99th percentile, "
        f"{found.kl_max:.4f} at most",
        *found.disagreements,
    ]
    return "\n".join(lines)


def sample_pages() -> list[bytes]:
    """The bundled sample pages, by name."""
    return [page.read_bytes() for page in sample_files()]


def sample_files() -> list[Traversable]:
    """Where the bundled sample pages are, by name."""
    folder = importlib.resources.files("edgedoc_models") / "samples"
    return sorted((entry for entry in folder.iterdir() if entry.name.endswith(".html")), key=lambda entry: entry.name)


def _name(tokenizer: Tokenizer | None, token: int) -> str:
    text = tokenizer.decode([token]) if tokenizer is not None else ""
    # Control tokens, the end of the answer above all, have no text.
    return repr(text) if text else f"token {token}"


def _row_divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> float:
    p, q = _log_softmax(reference), _log_softmax(candidate)
    # Rounding can bring the sum of equal rows a hair below zero. NaN passes through both.
    return float(np.maximum(np.exp(p) @ (p - q), 0.0))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
