"""HTML to Markdown with a model, window by window, every window checked. Knows no file format and no command line.

A small model may loop, stop early, skip text or invent some. Each window's answer is held against the window's own text
and against what the deterministic converter makes of it; what is wrong is flagged, and the converter's Markdown stands
in unless the caller refuses. Sources of the failure modes: ollama#6875 (invention), ollama#7732 (dropped items).
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from edgedoc.artifact import Artifact
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import FinishReason, Generation, run
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.documents import rules
from edgedoc.documents.charset import decode
from edgedoc.documents.clean import clean
from edgedoc.documents.coverage import share_found, words
from edgedoc.documents.windows import Window, join_markdown, windows
from edgedoc.engines import load
from edgedoc.engines.base import Engine
from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe, Task
from edgedoc.tokens import Prompt, Tokenizer

KEPT_ENOUGH = 0.5
"""Least share of the converter's words a window's answer must hold: below it, most of the text is gone."""
MADE_UP_ENOUGH = 0.5
"""Least share of an answer's words that must stand in the window: below it, most of the answer is invented."""


class Flag(StrEnum):
    """What is wrong with a window's answer."""

    LOOPED = "looped"
    CUT_OFF = "cut off"
    DROPPED = "dropped text"
    INVENTED = "invented text"


class Fallback(StrEnum):
    """What stands in for a flagged window: the deterministic converter's Markdown, or nothing else."""

    RULES = "rules"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """One window's answer and its bill. `kept` and `found` are shares of words, 0 to 1; times are seconds."""

    markdown: str
    document_tokens: int
    prompt_tokens: int
    output_tokens: int
    steps: int
    finish: FinishReason
    kept: float
    found: float
    flags: tuple[Flag, ...]
    fallback: bool
    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A document's Markdown, what was flagged on the way, and the bill."""

    markdown: str
    charset: str
    notes: tuple[str, ...]
    windows: tuple[WindowResult, ...]
    seconds: float

    @property
    def flagged(self) -> int:
        """Windows whose answer was not what it should be."""
        return sum(bool(window.flags) for window in self.windows)

    @property
    def fallbacks(self) -> int:
        """Windows in which the deterministic converter stands in."""
        return sum(window.fallback for window in self.windows)

    def remarks(self) -> list[str]:
        """What a user should be told: notes of the cleaning, and every window whose answer was not what it should be."""
        lines = list(self.notes)
        for number, window in enumerate(self.windows, 1):
            if window.flags:
                outcome = "rules stand in" if window.fallback else "kept as it is"
                lines.append(f"window {number} of {len(self.windows)} {' and '.join(window.flags)}; {outcome}")
        return lines

    def to_json(self) -> dict[str, object]:
        """Plain data: every field, flagged windows and fallbacks counted."""
        return {**asdict(self), "flagged": self.flagged, "fallbacks": self.fallbacks}


class Reader:
    """A reader model on an engine. Use as a context manager, or call `close`."""

    def __init__(
        self, recipe: Recipe, tokenizer: Tokenizer, engine: Engine, *, fallback: Fallback = Fallback.RULES
    ) -> None:
        """Raises UsageError when the recipe is not a reader's, ArtifactError when recipe and tokenizer disagree."""
        if recipe.task is not Task.READER:
            raise UsageError(
                f"{recipe.name} is a {recipe.task} model; converting HTML needs a reader. See: edgedoc models"
            )
        self.recipe = recipe
        self.fallback = fallback
        self.tokenizer = tokenizer
        self._prompt = Prompt(recipe, tokenizer)
        self.engine = engine
        self._budget = _window_budget(recipe, self._prompt.overhead, engine.context_length)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        fallback: Fallback = Fallback.RULES,
        threads: int | None = None,
        memory_limit: int | None = None,
    ) -> "Reader":
        """Load an artifact folder. Raises what `Artifact.open` and the engine's loading raise; `memory_limit` in bytes."""
        artifact = Artifact.open(path)
        recipe, tokenizer = artifact.recipe, Tokenizer.from_file(artifact.tokenizer_path)
        context = context_needed(recipe, Prompt(recipe, tokenizer).overhead)
        engine = load(artifact, context_length=context, threads=threads, memory_limit=memory_limit)
        return cls(recipe, tokenizer, engine, fallback=fallback)

    def convert(self, data: bytes | str) -> Conversion:
        """Convert one page. Raises DocumentError for input that is no text, EngineError when the runtime fails."""
        started = time.perf_counter()
        decoded = decode(_bytes(data))
        cleaned = clean(decoded.text)
        parts = windows(cleaned.html, self._budget, self.tokenizer.count)
        results = tuple(self._read(window) for window in parts)
        notes = (
            *((decoded.note,) if decoded.note else ()),
            *cleaned.notes,
            *(() if parts else ("the page has no text",)),
        )
        markdown = join_markdown(parts, [result.markdown for result in results])
        return Conversion(
            markdown=markdown + "\n" if markdown else "",
            charset=decoded.charset,
            notes=notes,
            windows=results,
            seconds=time.perf_counter() - started,
        )

    def answers(self, data: bytes | str) -> Iterator[tuple[list[int], tuple[int, ...]]]:
        """Prompt and the model's own answer of every window, as token ids, unchecked: for measuring engines on real input."""
        for window in windows(clean(decode(_bytes(data)).text).html, self._budget, self.tokenizer.count):
            prompt = self._prompt.render(window.html)
            yield prompt, self._generate(prompt, self.tokenizer.count(window.html)).tokens

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, window: Window) -> WindowResult:
        document_tokens = self.tokenizer.count(window.html)
        prompt = self._prompt.render(window.html)
        generation = self._generate(prompt, document_tokens)
        answer = self.tokenizer.decode(generation.tokens).strip()
        expected = rules.convert(window.html)
        held = words(answer)
        kept, found = share_found(words(expected), held), share_found(held, words(window.html))
        flags = _flags(generation, kept, found)
        stand_in = bool(flags) and self.fallback is Fallback.RULES
        return WindowResult(
            markdown=expected if stand_in else answer,
            document_tokens=document_tokens,
            prompt_tokens=generation.prompt_tokens,
            output_tokens=len(generation.tokens),
            steps=generation.steps,
            finish=generation.finish,
            kept=kept,
            found=found,
            flags=flags,
            fallback=stand_in,
            prefill_seconds=generation.prefill_seconds,
            decode_seconds=generation.decode_seconds,
        )

    def _generate(self, prompt: list[int], document_tokens: int) -> Generation:
        penalty = self.recipe.decoding.repetition_penalty
        return run(
            self.engine,
            prompt,
            stop=self._prompt.stop_ids,
            budget=self.recipe.decoding.budget(document_tokens),
            penalty=RepetitionPenalty(penalty) if penalty != 1.0 else None,
            guard=LoopGuard(prompt),
        )


def context_needed(recipe: Recipe, overhead: int) -> int:
    """Positions of the largest window with its prompt and output budget; never more than the model was trained on."""
    return min(recipe.context, overhead + recipe.window + recipe.decoding.budget(recipe.window))


def _window_budget(recipe: Recipe, overhead: int, context: int) -> int:
    """Document tokens a window may hold so that its whole output budget fits the context as well."""
    low, high = 1, recipe.window
    while low < high:
        middle = (low + high + 1) // 2
        fits = overhead + middle + recipe.decoding.budget(middle) <= min(context, recipe.context)
        low, high = (middle, high) if fits else (low, middle - 1)
    if low < 32:
        raise UsageError(
            f"A context of {context} tokens leaves no room for a window. Allow more memory or a longer context."
        )
    return low


def _flags(generation: Generation, kept: float, found: float) -> tuple[Flag, ...]:
    flags = []
    if generation.finish is FinishReason.LOOP:
        flags.append(Flag.LOOPED)
    if generation.finish in (FinishReason.LENGTH, FinishReason.CONTEXT):
        flags.append(Flag.CUT_OFF)
    if kept < KEPT_ENOUGH:
        flags.append(Flag.DROPPED)
    if found < MADE_UP_ENOUGH:
        flags.append(Flag.INVENTED)
    return tuple(flags)


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8", "replace") if isinstance(data, str) else data
