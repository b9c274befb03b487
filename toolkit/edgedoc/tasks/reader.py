"""HTML to Markdown with a model, window by window, every window checked. Knows no file format and no command line.

A small model may loop, stop early, skip text or invent some. Each window's answer is judged against the window and
against what the deterministic converter makes of it; what is wrong is flagged, and the converter's Markdown stands in
unless the caller refuses.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.decoding.driver import Driver
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import FinishReason, Generation, decode
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.documents import rules
from edgedoc.documents.charset import decode as decode_bytes
from edgedoc.documents.clean import clean
from edgedoc.documents.cleaning import DEFAULT, Cleaning
from edgedoc.documents.windows import Window, join_markdown, windows
from edgedoc.engines.base import Engine
from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe, Task
from edgedoc.tasks.budget import window_budget
from edgedoc.tasks.checking import NOTABLE, Flag, judge
from edgedoc.tasks.opening import OnEngine, open_engine
from edgedoc.tasks.speculation import PLAIN, Speculation, speculation
from edgedoc.tokens import Prompt, Tokenizer


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
    drafted: int
    accepted: int
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
        """What a user should be told: notes of the cleaning, and windows whose answer is not as it should be."""
        lines = list(self.notes)
        for number, window in enumerate(self.windows, 1):
            place = f"window {number} of {len(self.windows)}"
            if window.flags:
                outcome = "rules stand in" if window.fallback else "kept as it is"
                lines.append(f"{place} {', '.join(window.flags)}; {outcome}")
            elif min(window.kept, window.found) < NOTABLE:
                lines.append(
                    f"{place} has {window.kept:.0%} of the expected words; {window.found:.0%} of its own are the page's"
                )
        return lines

    def as_dict(self) -> dict[str, object]:
        """Plain data: every field, flagged windows and fallbacks counted."""
        return {**asdict(self), "flagged": self.flagged, "fallbacks": self.fallbacks}


class Reader(OnEngine):
    """A reader model on an engine. Use as a context manager, or call `close`."""

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: Tokenizer,
        engine: Engine,
        *,
        fallback: Fallback = Fallback.RULES,
        cleaning: Cleaning = DEFAULT,
        speculation: Speculation = PLAIN,
    ) -> None:
        """Raises UsageError when the recipe is not a reader's, ArtifactError when recipe and tokenizer disagree."""
        _require_reader(recipe)
        self.recipe = recipe
        self.fallback = fallback
        self.cleaning = cleaning
        self.tokenizer = tokenizer
        self._prompt = Prompt(recipe, tokenizer)
        self.engine = engine
        self._driver = Driver(engine)
        self._speculation = speculation
        self._budget = window_budget(recipe, self._prompt.overhead, engine.context_length)
        self._full_budget = window_budget(recipe, self._prompt.overhead, recipe.context)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        fallback: Fallback = Fallback.RULES,
        threads: int | None = None,
        provider: str | None = None,
        memory_limit: int | None = None,
        drafts: bool = True,
        exact: bool = False,
        cleaning: Cleaning = DEFAULT,
    ) -> "Reader":
        """Load an artifact folder; short of memory (`memory_limit`, bytes) or context, the windows get smaller.

        With `drafts` the model verifies what rules make of a window instead of writing it token by token. What it
        writes can differ from plain decoding only where two tokens are equally likely but for rounding; with `exact`
        not even there (see `Speculation.unit`).
        Raises what `Artifact.open`, the engine's `load` and the constructor raise.
        """
        artifact = Artifact.open(path)
        _require_reader(artifact.recipe)
        tokenizer, engine = open_engine(artifact, threads=threads, provider=provider, memory_limit=memory_limit)
        drafting = speculation(artifact, engine, threads=threads, drafts=drafts, exact=exact)
        return cls(artifact.recipe, tokenizer, engine, fallback=fallback, cleaning=cleaning, speculation=drafting)

    def convert(
        self,
        data: bytes | str,
        *,
        charset: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Conversion:
        """Convert one page; `progress` is told the windows done and their number, (0, n) first.

        `charset` is what the transport said, which counts for more than what the page says.

        Raises DocumentError for input that is no text, EngineError when the runtime fails.
        """
        started = time.perf_counter()
        decoded = decode_bytes(_bytes(data), declared=charset)
        cleaned = clean(decoded.text, self.cleaning)
        parts = windows(cleaned.html, self._budget, self.tokenizer.count)
        results = []
        for done, window in enumerate(parts):
            if progress is not None:
                progress(done, len(parts))
            results.append(self._read(window))
        if progress is not None:
            progress(len(parts), len(parts))
        markdown = join_markdown(parts, [result.markdown for result in results])
        # What is furniture is for the model to say, so an empty answer is told, not refused.
        empty = "the page has no text" if not parts else "nothing but page furniture was found" if not markdown else ""
        narrow = (
            f"windows of {self._budget} tokens instead of {self._full_budget}, for want of memory or context"
            if self._budget < self._full_budget and len(parts) > 1
            else ""
        )
        notes = (decoded.note, *cleaned.notes, empty, narrow)
        return Conversion(
            markdown=markdown + "\n" if markdown else "",
            charset=decoded.charset,
            notes=tuple(note for note in notes if note),
            windows=tuple(results),
            seconds=time.perf_counter() - started,
        )

    def answers(self, data: bytes | str) -> Iterator[tuple[list[int], Generation]]:
        """Prompt and the model's own answer of every window, as token ids, unchecked: real input for measuring."""
        for window in windows(
            clean(decode_bytes(_bytes(data)).text, self.cleaning).html, self._budget, self.tokenizer.count
        ):
            prompt = self._prompt.render(window.html)
            yield prompt, self._generate(prompt, self.tokenizer.count(window.html), rules.convert(window.html))

    def _read(self, window: Window) -> WindowResult:
        document_tokens = self.tokenizer.count(window.html)
        prompt = self._prompt.render(window.html)
        expected = rules.convert(window.html)
        generation = self._generate(prompt, document_tokens, expected)
        answer = self.tokenizer.decode(generation.tokens).strip()
        verdict = judge(answer, html=window.html, expected=expected, finish=generation.finish)
        stand_in = bool(verdict.flags) and self.fallback is Fallback.RULES
        return WindowResult(
            markdown=expected if stand_in else answer,
            document_tokens=document_tokens,
            prompt_tokens=generation.prompt_tokens,
            output_tokens=len(generation.tokens),
            drafted=generation.drafted,
            accepted=generation.accepted,
            steps=generation.steps,
            finish=generation.finish,
            kept=verdict.kept,
            found=verdict.found,
            flags=verdict.flags,
            fallback=stand_in,
            prefill_seconds=generation.prefill_seconds,
            decode_seconds=generation.decode_seconds,
        )

    def _generate(self, prompt: list[int], document_tokens: int, expected: str) -> Generation:
        """The model's answer to a window; rules drafted it, `expected` is theirs."""
        penalty = self.recipe.decoding.repetition_penalty
        end = self.tokenizer.token_id(self.recipe.stop[0])
        version = [*self.tokenizer.encode_text(expected), *(() if end is None else (end,))]
        steps = decode(
            prompt,
            stop=self._prompt.stop_ids,
            budget=self.recipe.decoding.budget(document_tokens),
            context_length=self.engine.context_length,
            penalty=RepetitionPenalty(penalty) if penalty != 1.0 else None,
            guard=LoopGuard(prompt),
            drafter=self._speculation.drafter(prompt, version),
            prefix=self._prompt.prefix(prompt),
            unit=self._speculation.unit,
        )
        generation, prefill, rest = self._driver.drive(steps)
        return replace(generation, prefill_seconds=prefill, decode_seconds=rest)


def _require_reader(recipe: Recipe) -> None:
    if recipe.task is not Task.READER:
        raise UsageError(f"{recipe.name} is a {recipe.task} model; converting HTML needs a reader. See: edgedoc models")


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8", "replace") if isinstance(data, str) else data
