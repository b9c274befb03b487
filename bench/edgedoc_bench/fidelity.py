"""How closely an artifact follows full precision of the same checkpoint, token by token. Knows no gold answers.

Both models read the same tokens one after the other: the logits of full precision wait on disk (a row of 152,000 is
0.6 MB), so that the two are never in memory together.
"""

import importlib.resources
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgedoc.artifact import RECIPE, TOKENIZER, Artifact
from edgedoc.engines import ENGINES, load
from edgedoc.engines.base import Engine
from edgedoc.errors import UsageError
from edgedoc.manifest import MANIFEST
from edgedoc.recipes import Recipe, Task, list_recipes
from edgedoc.tasks.opening import plan_engine
from edgedoc.tokens import Tokenizer
from edgedoc_bench.chunk_passages import read_chunked
from edgedoc_bench.divergence import Agreement, Place, Tally
from edgedoc_bench.divergence_words import in_words
from edgedoc_bench.formats import runnable
from edgedoc_bench.passages import Passage, read

SLAB = 64
"""Rows of logits held at a time: 152,000 columns make 39 MB of them."""

BARS = ((16, 0.999), (8, 0.995), (4, 0.97), (0, 0.90))
"""Bits in a preset's name, at least, and the share of answer tokens that should be the same.

Below what nano-reader reaches on its sample pages (1,527 tokens, either format: int8 100 %, int4 99.9 %), so that what
falls under it has a defect and not bad luck.
"""
CHUNKER_BARS = ((16, 0.998), (8, 0.985), (4, 0.95), (0, 0.85))
"""The same for chunkers. The answer they are given is not their own, and at each line of it another block is nearly as
likely to come next: a preliminary nano-chunker-simple reaches 99.7 % at int8 in GGUF, 99.3 % in ONNX, 98.2 % at int4.
"""

READ = "the Markdown that the deterministic converter makes of them"
CHUNKED = "their Markdown cut at every block"


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Agreement on the answers, which counts, and on the prompts; what was read, and what it is compared with."""

    reference: str
    text: str
    windows: int
    answer: Agreement
    prompt: Agreement
    places: tuple[str, ...]
    """The worst positions of the answers in words."""
    prompt_places: tuple[str, ...]
    bar: float
    """The least `top1_agreement` on the answers that passes."""

    @property
    def passed(self) -> bool:
        """Whether the answers agree as they should."""
        return self.answer.top1_agreement >= self.bar

    def as_dict(self) -> dict[str, object]:
        """Plain data; the figures at the top are those of the answers."""
        return {
            **self.answer.as_dict(),
            "prompt": {
                **self.prompt.as_dict(),
                "worst": _worst(self.prompt.worst, self.prompt_places),
            },
            "windows": self.windows,
            "reference": self.reference,
            "text": self.text,
            "worst": _worst(self.answer.worst, self.places),
            "min_agreement": self.bar,
            "passed": self.passed,
        }


def compare(
    artifact: Artifact, against: str, pages: Sequence[bytes] | None = None, *, min_agreement: float | None = None
) -> Fidelity:
    """Fidelity of `artifact` to `against`: a full-precision artifact, a checkpoint or adapter folder, or a recipe name.

    Of an artifact with adapters beside it the one named `against` is compared, or the model alone. A checkpoint is
    exported to f32 in the artifact's own format, or in the other one where only that can be made and run here. `pages`
    default to the bundled samples, `min_agreement` to the bar of the preset.
    Raises UsageError when the two cannot be compared, and what `export` and `load` raise.
    """
    if against in (artifact.manifest.adapters or {}):
        artifact = artifact.adapted(against)
    with tempfile.TemporaryDirectory(prefix="edgedoc-verify-") as scratch:
        folder, what = Path(against), f"the artifact {against}"
        if not (folder / MANIFEST).exists():
            from edgedoc_export.build import export

            # A checkpoint is read as the artifact reads: same prompt, same windows. A recipe's name says it all itself.
            named = against in {recipe.name for recipe in list_recipes()}
            recipe = None if named else artifact.path / RECIPE
            out, what = Path(scratch) / "reference", f"an f32 export of {against}"
            folder = export(against, format=reference_format(artifact), preset="f32", out=out, recipe=recipe)
        return compare_artifacts(
            Artifact.open(folder),
            artifact,
            sample_pages() if pages is None else pages,
            what=what,
            text="the bundled sample pages" if pages is None else "the given pages",
            min_agreement=min_agreement,
        )


def compare_artifacts(
    reference: Artifact,
    candidate: Artifact,
    pages: Iterable[bytes],
    *,
    what: str = "full precision",
    text: str = "the given pages",
    min_agreement: float | None = None,
    threads: int | None = None,
) -> Fidelity:
    """Fidelity of `candidate` to `reference` on `pages`; `what` and `text` name these two for people.

    Pages are HTML, for a chunker too; `chunk_fidelity` compares chunkers on texts. `threads` default to the cores this
    process may use. Raises UsageError when the two are not of one model or nothing is in the pages.
    """
    made = partial(read if candidate.recipe.task is Task.READER else read_chunked, pages)
    return compare_passages(
        reference, candidate, made, what=what, text=text, min_agreement=min_agreement, threads=threads
    )


def compare_passages(
    reference: Artifact,
    candidate: Artifact,
    make: Callable[[Recipe, Tokenizer, int], list[Passage]],
    *,
    what: str,
    text: str,
    min_agreement: float | None = None,
    threads: int | None = None,
) -> Fidelity:
    """As `compare_artifacts`, on what `make` says the two should read, of a recipe, a tokenizer and a context."""
    if reference.manifest.files[TOKENIZER] != candidate.manifest.files[TOKENIZER]:
        raise UsageError(f"{candidate.path} and {reference.path} have different tokenizers: they are different models.")
    tokenizer = Tokenizer.from_file(candidate.tokenizer_path)
    reads = candidate.recipe.task is Task.READER
    context = min(plan_engine(artifact).context_length for artifact in (reference, candidate))
    passages = make(candidate.recipe, tokenizer, context)
    with tempfile.TemporaryFile(prefix="edgedoc-logits-") as file:
        longest = max((len(passage.tokens) for passage in passages), default=1)
        engine = load(reference, context_length=longest, threads=threads)
        try:
            columns = engine.vocab_size
            record(engine, passages, file)
        finally:
            engine.close()
        engine = load(candidate, context_length=longest, threads=threads)
        try:
            answer, prompt = measure(file, columns, engine, passages)
        finally:
            engine.close()
    manifest = reference.manifest
    return Fidelity(
        reference=f"{what} ({manifest.format} {manifest.preset}, run by {ENGINES[manifest.format].package})",
        text=f"{text}, and {READ if reads else CHUNKED} as the answers",
        windows=len(passages),
        answer=answer,
        prompt=prompt,
        places=tuple(in_words(place, passages, tokenizer) for place in answer.worst),
        prompt_places=tuple(in_words(place, passages, tokenizer) for place in prompt.worst),
        bar=bar(candidate.manifest.preset, candidate.recipe.task) if min_agreement is None else min_agreement,
    )


def record(engine: Engine, passages: Iterable[Passage], file: BinaryIO) -> None:
    """Write the float32 logits of every token of every passage to `file`, row after row."""
    for passage in passages:
        for _, rows in _logits(engine, passage):
            file.write(rows.tobytes())
    file.seek(0)


def measure(file: BinaryIO, columns: int, engine: Engine, passages: Iterable[Passage]) -> tuple[Agreement, Agreement]:
    """Compare `engine` with what `record` wrote, rows of `columns`: agreement on the answers and on the prompts.

    Raises UsageError when there is nothing to compare or the vocabularies differ, EngineError for logits that are no
    numbers.
    """
    if columns != engine.vocab_size:
        raise UsageError(f"The vocabularies have {columns} and {engine.vocab_size} tokens: different models.")
    answer, prompt = Tally(), Tally()
    for window, passage in enumerate(passages):
        for start, rows in _logits(engine, passage):
            recorded = np.frombuffer(file.read(rows.nbytes), np.float32).reshape(rows.shape)
            cut = min(max(passage.answer_row - start, 0), len(rows))
            following = passage.tokens[start + 1 : start + 1 + len(rows)]
            prompt.add(recorded[:cut], rows[:cut], window, start, following[:cut])
            answer.add(recorded[cut:], rows[cut:], window, start + cut, following[cut:])
    return answer.agreement(), prompt.agreement()


def bar(preset: str, task: Task = Task.READER) -> float:
    """The least agreement on the answers that a preset of this name should reach: see BARS."""
    digits = re.search(r"\d+", preset)
    bits = int(digits[0]) if digits else 0
    return next(share for least, share in (BARS if task is Task.READER else CHUNKER_BARS) if bits >= least)


def reference_format(artifact: Artifact) -> str:
    """The artifact's own format where f32 can be made and run in it here, else another, else its own all the same."""
    own, usable = str(artifact.format), runnable()
    return own if own in usable or not usable else usable[0]


def describe(found: Fidelity) -> str:
    """The measurement in words."""
    answer, prompt = found.answer, found.prompt
    verdict = "passed" if found.passed else "FAILED"
    return "\n".join(
        [
            f"compared with {found.reference}",
            f"on {found.text}: {found.windows} windows",
            f"answers, {answer.positions} tokens: {_figures(answer)}",
            f"prompts, {prompt.positions} tokens, which do not count: {_figures(prompt)}",
            *(["answer tokens that diverge most:"] if found.places else []),
            *(f"  {place}" for place in found.places),
            *(["prompt token that diverges most:"] if found.prompt_places else []),
            *(f"  {place}" for place in found.prompt_places[:1]),
            f"{verdict}: at least {found.bar:.1%} of the answers' tokens should be the same",
        ]
    )


def sample_pages() -> list[bytes]:
    """The bundled sample pages, by name."""
    return [page.read_bytes() for page in sample_files()]


def sample_files() -> list[Traversable]:
    """Where the bundled sample pages are, by name."""
    folder = importlib.resources.files("edgedoc_models") / "samples"
    return sorted((entry for entry in folder.iterdir() if entry.name.endswith(".html")), key=lambda entry: entry.name)


def _logits(engine: Engine, passage: Passage) -> Iterator[tuple[int, NDArray[np.float32]]]:
    engine.rewind(0)
    for start in range(0, len(passage.tokens), SLAB):
        part = passage.tokens[start : start + SLAB]
        yield start, engine.extend(part, logits=len(part))


def _figures(found: Agreement) -> str:
    return (
        f"same next token {found.top1_agreement:.2%}, KL divergence {found.kl_mean:.5f} nats a token on average, "
        f"{found.kl_p99:.5f} at the 99th percentile, {found.kl_max:.4f} at most; "
        f"{found.kl_tail_share:.0%} of it at the worst hundredth of the positions"
        + (f", perplexity x {found.perplexity_ratio:.4f}" if found.perplexity_ratio is not None else "")
    )


def _worst(places: Sequence[Place], words: Sequence[str]) -> list[dict[str, object]]:
    return [{**asdict(place), "text": text} for place, text in zip(places, words, strict=True)]
