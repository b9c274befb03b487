"""HTML to Markdown with a model, window by window, every window checked. Knows no file format and no command line.

A small model may loop, stop early, skip text or invent some. Each window's answer is judged against the window and
against what the deterministic converter makes of it; what is wrong is flagged, and the converter's Markdown stands in
unless the caller refuses.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from edgedoc.artifact import Artifact
from edgedoc.decoding.batched import drive_many
from edgedoc.decoding.driver import Driver
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import Generation, Request, decode
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.documents import rules
from edgedoc.documents.charset import decode as decode_bytes
from edgedoc.documents.clean import clean
from edgedoc.documents.cleaning import DEFAULT, Cleaning
from edgedoc.documents.windows import Window, join_markdown, windows
from edgedoc.engines import ENGINES
from edgedoc.engines.base import BatchEngine, Engine, Logits
from edgedoc.errors import DocumentError, UsageError
from edgedoc.recipes import Recipe, Task
from edgedoc.tasks.budget import window_budget
from edgedoc.tasks.checking import judge
from edgedoc.tasks.conversion import Conversion as Conversion
from edgedoc.tasks.conversion import Fallback as Fallback
from edgedoc.tasks.conversion import WindowResult as WindowResult
from edgedoc.tasks.opening import OnEngine, open_engine
from edgedoc.tasks.speculation import PLAIN, Speculation, speculation
from edgedoc.tokens import Prompt, Tokenizer


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
        in_flight: int = 1,
    ) -> None:
        """`in_flight`: windows decoded together; above 1 the engine is a `BatchEngine`.

        Raises UsageError when the recipe is not a reader's, ArtifactError when recipe and tokenizer disagree."""
        _require_reader(recipe)
        self.recipe = recipe
        self.fallback = fallback
        self.cleaning = cleaning
        self.tokenizer = tokenizer
        self._prompt = Prompt(recipe, tokenizer)
        self.engine = engine
        self._driver = Driver(engine)
        self._in_flight = in_flight
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
        in_flight: int = 1,
    ) -> "Reader":
        """Load an artifact folder; short of memory (`memory_limit`, bytes) or context, the windows get smaller.

        With `drafts` the model verifies what rules make of a window instead of writing it token by token. What it
        writes can differ from plain decoding only where two tokens are equally likely but for rounding; with `exact`
        not even there (see `Speculation.unit`). Up to `in_flight` windows share each pass over the weights where the
        engine can (GGUF) and memory allows; their company decides about last bits, so that `exact` means one.
        Raises what `Artifact.open`, the engine's `load` and the constructor raise.
        """
        artifact = Artifact.open(path)
        _require_reader(artifact.recipe)
        together = in_flight if ENGINES[str(artifact.format)].batches and not exact else 1
        tokenizer, engine = open_engine(
            artifact, threads=threads, provider=provider, memory_limit=memory_limit, sequences=together
        )
        return cls(
            artifact.recipe,
            tokenizer,
            engine,
            fallback=fallback,
            cleaning=cleaning,
            speculation=speculation(artifact, engine, threads=threads, drafts=drafts, exact=exact),
            in_flight=together,
        )

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
        page = self._page(data, charset)
        if progress is not None:
            progress(0, len(page.windows))
        for done, generation in enumerate(self._generations(map(self._steps, page.windows)), 1):
            page.results.append(self._judged(page.windows[done - 1], generation))
            if progress is not None:
                progress(done, len(page.windows))
        return self._joined(page, time.perf_counter() - page.started)

    def convert_many(self, pages: Iterable[bytes | str]) -> Iterator[Conversion | DocumentError]:
        """Convert pages in their order, the windows of several in flight together; what is no page is its error.

        Pages are taken as they are needed. `seconds` of a Conversion are its share of the time. Raises EngineError.
        """
        waiting: deque[_Page | DocumentError] = deque()

        def steps() -> Iterator[Generator[Request, Logits, Generation]]:
            for data in pages:
                try:
                    page = self._page(data, None)
                except DocumentError as error:
                    waiting.append(error)
                    continue
                waiting.append(page)
                page.seconds += time.perf_counter() - page.started
                yield from map(self._steps, page.windows)

        def ready() -> Iterator[Conversion | DocumentError]:
            while waiting:
                first = waiting[0]
                if isinstance(first, _Page):
                    if len(first.results) < len(first.windows):
                        return
                    yield self._joined(first, first.seconds)
                else:
                    yield first
                waiting.popleft()

        for generation in self._generations(steps()):
            yield from ready()
            page = waiting[0]
            assert isinstance(page, _Page)
            began = time.perf_counter()
            page.results.append(self._judged(page.windows[len(page.results)], generation))
            page.seconds += time.perf_counter() - began + generation.prefill_seconds + generation.decode_seconds
            yield from ready()
        yield from ready()

    def answers(self, data: bytes | str) -> Iterator[tuple[list[int], Generation]]:
        """Prompt and the model's own answer of every window, as token ids, unchecked: real input for measuring."""
        page = self._page(data, None)
        for window, generation in zip(page.windows, self._generations(map(self._steps, page.windows)), strict=True):
            yield window.prompt, generation

    def _page(self, data: bytes | str, charset: str | None) -> "_Page":
        started = time.perf_counter()
        decoded = decode_bytes(_bytes(data), declared=charset)
        cleaned = clean(decoded.text, self.cleaning)
        parts = windows(cleaned.html, self._budget, self.tokenizer.count)
        return _Page(
            started, decoded.charset, (decoded.note, *cleaned.notes), parts, [self._asked(part) for part in parts]
        )

    def _asked(self, window: Window) -> "_Asked":
        return _Asked(
            html=window.html,
            tokens=self.tokenizer.count(window.html),
            prompt=self._prompt.render(window.html),
            expected=rules.convert(window.html),
        )

    def _steps(self, window: "_Asked") -> Generator[Request, Logits, Generation]:
        """The model's answer to a window, drafted by rules."""
        penalty = self.recipe.decoding.repetition_penalty
        end = self.tokenizer.token_id(self.recipe.stop[0])
        version = [*self.tokenizer.encode_text(window.expected), *(() if end is None else (end,))]
        return decode(
            window.prompt,
            stop=self._prompt.stop_ids,
            budget=self.recipe.decoding.budget(window.tokens),
            context_length=self.engine.context_length,
            penalty=RepetitionPenalty(penalty) if penalty != 1.0 else None,
            guard=LoopGuard(window.prompt),
            drafter=self._speculation.drafter(window.prompt, version),
            prefix=self._prompt.prefix(window.prompt),
            unit=self._speculation.unit,
        )

    def _generations(self, jobs: Iterable[Generator[Request, Logits, Generation]]) -> Iterator[Generation]:
        outcomes = (
            drive_many(cast(BatchEngine, self.engine), jobs, self._in_flight)
            if self._in_flight > 1
            else map(self._driver.drive, jobs)
        )
        for generation, prefill, rest in outcomes:
            yield replace(generation, prefill_seconds=prefill, decode_seconds=rest)

    def _judged(self, window: "_Asked", generation: Generation) -> WindowResult:
        answer = self.tokenizer.decode(generation.tokens).strip()
        verdict = judge(answer, html=window.html, expected=window.expected, finish=generation.finish)
        stand_in = bool(verdict.flags) and self.fallback is Fallback.RULES
        return WindowResult(
            markdown=window.expected if stand_in else answer,
            document_tokens=window.tokens,
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

    def _joined(self, page: "_Page", seconds: float) -> Conversion:
        markdown = join_markdown(page.parts, [result.markdown for result in page.results])
        # What is furniture is for the model to say, so an empty answer is told, not refused.
        empty = (
            "the page has no text" if not page.parts else "nothing but page furniture was found" if not markdown else ""
        )
        narrow = (
            f"windows of {self._budget} tokens instead of {self._full_budget}, for want of memory or context"
            if self._budget < self._full_budget and len(page.parts) > 1
            else ""
        )
        return Conversion(
            markdown=markdown + "\n" if markdown else "",
            charset=page.charset,
            notes=tuple(note for note in (*page.notes, empty, narrow) if note),
            windows=tuple(page.results),
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A window as the model is asked about it. `expected` is what rules make of it: draft, yardstick and stand-in."""

    html: str
    tokens: int
    prompt: list[int]
    expected: str


@dataclass(slots=True)
class _Page:
    """A page on its way: its windows, and the results there are."""

    started: float
    charset: str
    notes: tuple[str, ...]
    parts: list[Window]
    windows: list[_Asked]
    results: list[WindowResult] = field(default_factory=list)
    seconds: float = 0.0


def _require_reader(recipe: Recipe) -> None:
    if recipe.task is not Task.READER:
        raise UsageError(f"{recipe.name} is a {recipe.task} model; converting HTML needs a reader. See: edgedoc models")


def _bytes(data: bytes | str) -> bytes:
    return data.encode("utf-8", "replace") if isinstance(data, str) else data
