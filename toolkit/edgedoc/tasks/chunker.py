"""Text to chunks with a model, window by window. Knows no file format and no command line.

The model only says where chunks start, and what they are about. Chunks are cut from the document itself, so nothing a
model does can lose or change text: at worst a boundary is in a bad place.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.documents.blocks import blocks
from edgedoc.documents.boundaries import Candidate, candidates
from edgedoc.documents.chunks import Chunk, Cut, assemble
from edgedoc.engines.base import Engine
from edgedoc.errors import UsageError
from edgedoc.recipes import Method, Mode, Recipe, Task
from edgedoc.tasks.budget import window_budget
from edgedoc.tasks.marking import Heads, Marker, finest
from edgedoc.tasks.opening import OnEngine, open_engine
from edgedoc.tasks.spans import span_end
from edgedoc.tasks.speculation import PLAIN, Speculation, speculation
from edgedoc.tasks.window import WindowResult
from edgedoc.tokens import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Chunking:
    """A document's chunks, and the bill."""

    chunks: tuple[Chunk, ...]
    tokenizer: str
    """Whose tokens `Chunk.tokens` counts: the recipe's name."""
    windows: tuple[WindowResult, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def flagged(self) -> int:
        """Windows whose answer was not what it should be."""
        return sum(bool(window.flags) for window in self.windows)

    def remarks(self) -> list[str]:
        """What a user should be told."""
        lines = list(self.notes)
        for number, window in enumerate(self.windows, 1):
            if window.flags:
                lines.append(f"window {number} of {len(self.windows)}: {', '.join(window.flags)}")
        return lines

    def as_dict(self) -> dict[str, object]:
        """Plain data: every field, flagged windows counted."""
        return {**asdict(self), "chunks": [chunk.as_dict() for chunk in self.chunks], "flagged": self.flagged}


class Chunker(OnEngine):
    """A chunking model on an engine. Use as a context manager, or call `close`."""

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: Tokenizer,
        engine: Engine,
        *,
        method: Method | None = None,
        heads: Heads = Heads.CONSTRAINED,
        threshold: float | None = None,
        speculation: Speculation = PLAIN,
    ) -> None:
        """`method` and `threshold` default to the recipe's.

        Raises UsageError when the recipe is not a chunker's or cannot be asked that way, ArtifactError when recipe and
        tokenizer disagree.
        """
        _require_chunker(recipe, None)
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.engine = engine
        self._marker = Marker(
            recipe,
            tokenizer,
            engine,
            method=method,
            heads=heads,
            threshold=threshold,
            speculation=speculation,
        )
        self._budget = window_budget(recipe, self._marker.overhead, engine.context_length)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        mode: Mode | None = None,
        method: Method | None = None,
        heads: Heads = Heads.CONSTRAINED,
        threshold: float | None = None,
        threads: int | None = None,
        provider: str | None = None,
        memory_limit: int | None = None,
        drafts: bool = True,
    ) -> "Chunker":
        """Load an artifact folder; `mode` picks one of several adapters in it, or says what it should be.

        With `drafts` what the model writes freely is guessed from the window and verified.
        Raises what `Artifact.open`, the engine's `load` and the constructor raise.
        """
        artifact = Artifact.open(path)
        if artifact.manifest.adapters and mode is not None:
            artifact = artifact.adapted(mode)
        _require_chunker(artifact.recipe, mode)
        tokenizer, engine = open_engine(artifact, threads=threads, provider=provider, memory_limit=memory_limit)
        return cls.on(
            artifact, tokenizer, engine, method=method, heads=heads, threshold=threshold, threads=threads, drafts=drafts
        )

    @classmethod
    def on(
        cls,
        artifact: Artifact,
        tokenizer: Tokenizer,
        engine: Engine,
        *,
        method: Method | None,
        heads: Heads,
        threshold: float | None,
        threads: int | None,
        drafts: bool,
    ) -> "Chunker":
        """What `open` makes of an artifact on an engine that is loaded with it; its cache is emptied.

        Raises what the constructor raises, EngineError when drafts' costs cannot be measured.
        """
        # A simple model that writes no line of its own has nothing to draft, and no costs to be measured for.
        free = heads is Heads.FREE or artifact.recipe.mode is not Mode.SIMPLE
        drafting = speculation(artifact, engine, threads=threads, drafts=drafts and free, exact=False)
        return cls(
            artifact.recipe,
            tokenizer,
            engine,
            method=method,
            heads=heads,
            threshold=threshold,
            speculation=drafting,
        )

    def chunk(
        self,
        text: str,
        *,
        max_tokens: int | None = None,
        min_tokens: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Chunking:
        """Cut one document; `progress` is told the characters done and their number.

        The chunks concatenate to `text`, whatever it is and whatever the model does. Raises UsageError for limits that
        cannot be kept, EngineError when the runtime fails.
        """
        started = time.perf_counter()
        cuts, windows = self._cuts(text, progress)
        chunks = assemble(text, cuts, count=self.tokenizer.count, max_tokens=max_tokens, min_tokens=min_tokens)
        return Chunking(
            chunks=chunks,
            tokenizer=self.recipe.name,
            windows=tuple(windows),
            notes=() if text.strip() else ("the document has no text",),
            seconds=time.perf_counter() - started,
        )

    def _cuts(self, text: str, progress: Callable[[int, int], None] | None) -> tuple[list[Cut], list[WindowResult]]:
        """Walk over the document: a window's last chunk is looked at again, from its start, in the next window.

        Where the answer is read off the text, every place is judged once, where what follows it ends, and a window's
        later half is context to the next.
        """
        places = candidates(text, blocks(text))
        positions = [place.position for place in places]
        least = self._marker.least
        ending = [place.position for place in places if place.strength >= least]
        cuts = [Cut(0)]
        results: list[WindowResult] = []
        start, since, ends = 0, 0, len(text.rstrip())
        while start < ends:
            if progress is not None:
                progress(start, len(text))
            end = span_end(text, start, ending, self._budget, self.tokenizer.count)
            inside = places[bisect_right(positions, start) : bisect_left(positions, end)]
            # Without a place to cut at, only topics and summaries are worth asking for.
            if not inside and (self.recipe.mode is Mode.SIMPLE or start > cuts[-1].start):
                # The place at its end is judged too, with what fits of the block before it in sight.
                start = max(start + 1, (start + end) // 2) if self._marker.reads and end < ends else end
                continue
            result = self._marker.mark(text, start, end, inside, since=since)
            results.append(result)
            if cuts[-1].start == start:
                cuts[-1] = result.cuts[0]
            cuts.extend(result.cuts[1:])
            if end >= ends and (result.complete or not inside):
                break
            since = end
            again = cuts[-1].start > start and not self._marker.reads
            start = cuts[-1].start if again else _middle(start, end, finest(inside, least))
        if progress is not None:
            progress(len(text), len(text))
        return cuts, results


def _require_chunker(recipe: Recipe, mode: Mode | None) -> None:
    if recipe.task is not Task.CHUNKER:
        raise UsageError(f"{recipe.name} is a {recipe.task} model; cutting text needs a chunker. See: edgedoc models")
    if mode is not None and recipe.mode is not mode:
        raise UsageError(
            f"{recipe.name} is the {recipe.mode} model and cannot work in the mode {mode}. See: edgedoc models"
        )


def _middle(start: int, end: int, inside: Sequence[Candidate]) -> int:
    """Where to go on after a window without a cut: half of it stays in sight."""
    later = (place.position for place in inside if place.position >= (start + end) // 2)
    return next(later, inside[-1].position if inside else end)
