"""Asks a chunker where the chunks of one window start: dictated, freely, or by weighing. Knows one window only."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np

from edgedoc.decoding.driver import Driver
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import FinishReason, decode
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.decoding.writer import Writer
from edgedoc.documents.boundaries import Candidate, Strength
from edgedoc.documents.chunks import Cut
from edgedoc.documents.flat import Flat
from edgedoc.documents.matching import find_heads
from edgedoc.engines.base import Engine
from edgedoc.errors import ArtifactError, UsageError
from edgedoc.recipes import Finest, Method, Mode, Recipe
from edgedoc.tasks.answers import parse
from edgedoc.tasks.dictation import Answer, Dictation
from edgedoc.tasks.speculation import PLAIN, Speculation
from edgedoc.tasks.window import Flag, Window, WindowResult
from edgedoc.tokens import Prompt, Tokenizer

GAP = "\n\n"
"""After every block of a window that is read, the last one too: that is where a block is judged."""
OMITTED = "[...]"
"""First block of a window that is read and is not its document's start, which only a document's own start resembles."""


class Heads(StrEnum):
    """Whether heads can only be the document's own words, or whatever the model writes."""

    CONSTRAINED = "constrained"
    FREE = "free"


class Marker:
    """A recipe's way of asking, bound to an engine."""

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
        """Raises UsageError when the recipe cannot be asked that way, ArtifactError when the tokenizer cannot."""
        assert recipe.chunking is not None and recipe.mode is not None
        self._recipe, self._tokenizer, self._driver = recipe, tokenizer, Driver(engine)
        self._context_length = engine.context_length
        self._speculation = speculation
        self._chunking, self._mode = recipe.chunking, recipe.mode
        self._method = method or (Method.GENERATE if heads is Heads.FREE else self._chunking.method)
        self._heads = heads
        self._threshold = self._chunking.threshold if threshold is None else threshold
        if self._method is Method.SCORE and self._mode is not Mode.SIMPLE:
            raise UsageError(
                f"Scoring finds boundaries and writes no {self._mode}: use the simple model, or generation"
            )
        if self._method is Method.SCORE and heads is Heads.FREE:
            raise UsageError("Scoring writes no heads: free heads belong to generation")
        self._prompt = Prompt(recipe, tokenizer)
        self._marks = _marks(recipe, tokenizer) if self._method is Method.SCORE else None

    @property
    def reads(self) -> bool:
        """Whether the answer is read off the text as it stands: windows may then overlap, and `since` counts."""
        return self._marks is not None

    @property
    def least(self) -> Strength:
        """How good a place must be for a window to end at it: a block that is judged where it ends is seen whole."""
        return self._finest(Strength.LINE) if self.reads else Strength.SENTENCE

    @property
    def overhead(self) -> int:
        """Tokens of the prompt around an empty document."""
        return self._prompt.overhead

    def mark(self, text: str, start: int, end: int, inside: Sequence[Candidate], *, since: int = 0) -> WindowResult:
        """Where chunks of text[start:end] start, out of `inside`; what was found before `since` is not asked again.

        Raises EngineError.
        """
        flat = Flat(text, start, end)
        seen = flat.text if self._chunking.collapse else text[start:end].rstrip()
        before = ""
        if self.reads and not self._chunking.collapse:
            before = f"{OMITTED}{GAP}" if start else ""
            seen = f"{before}{seen}{GAP}"
        prompt = self._prompt.begin(seen) if self.reads else self._prompt.render(seen)
        window = Window(flat=flat, start=start, end=end, inside=inside, before=len(before), seen=seen, prompt=prompt)
        if self._heads is Heads.FREE:
            return self._free(window)
        if self._marks is not None:
            return self._read(window, self._marks, since)
        return self._score(window) if self._method is Method.SCORE else self._dictate(window)

    def _dictate(self, window: Window) -> WindowResult:
        """The model writes; heads can only be the document's own."""
        places, dictation = self._dictation(window, Strength.SENTENCE)
        writer = self._writer(window)
        answer, prefill, rest = self._driver.drive(dictation.write(writer))
        flags = (*(() if answer.complete else (Flag.TRUNCATED,)), *((Flag.CUT,) if answer.cut else ()))
        cuts = [_cut(answer, number, places[index]) for number, index in enumerate(answer.starts or [0])]
        return window.billed(writer, cuts, complete=answer.complete, flags=flags, seconds=(prefill, rest))

    def _score(self, window: Window) -> WindowResult:
        """Every place is listed as a head and weighed; sentences only where there is nothing coarser."""
        places, dictation = self._dictation(window, Strength.LINE)
        writer = self._writer(window)
        found, prefill, rest = self._driver.drive(dictation.weigh(writer))
        weighed = tuple(zip(places[1:], found, strict=False))
        cuts = [Cut(window.start), *(Cut(at) for at, probability in weighed if probability >= self._threshold)]
        # What had no room is seen from the last cut on, in the next window.
        complete = len(weighed) == len(places) - 1
        flags = () if complete else (Flag.TRUNCATED,)
        result = window.billed(writer, cuts, complete=complete, flags=flags, seconds=(prefill, rest))
        return replace(result, asked=len(found), weighed=weighed)

    def _read(self, window: Window, marks: tuple[int, int], since: int) -> WindowResult:
        """Each place is judged at the last token before the next one, where the model has seen all it needs."""
        places = [place.position for place in finest(window.inside, self.least)]
        first = bisect_left(places, since)
        writer = self._writer(window)
        at = window.flat.at if self._chunking.collapse else lambda place: window.before + place - window.start
        ends = [at(place) for place in places[first + 1 :]]
        rows = self._prompt.last_tokens(window.seen, [*ends, len(window.seen)][: len(places) - first])
        logits, prefill, rest = self._driver.drive(writer.read(rows, marks))
        # The logistic function of the difference: the softmax over the two.
        odds = np.exp(np.clip(logits[:, 1].astype(np.float64) - logits[:, 0], -700, 700))
        weighed = tuple(zip(places[first:], (1 / (1 + odds)).tolist(), strict=True))
        cuts = [Cut(window.start), *(Cut(at) for at, probability in weighed if probability >= self._threshold)]
        result = window.billed(writer, cuts, complete=True, flags=(), seconds=(prefill, rest))
        return replace(result, asked=len(weighed), weighed=weighed)

    def _dictation(self, window: Window, least: Strength) -> tuple[list[int], Dictation]:
        """The places that count, the window's start first, and the answer over their heads."""
        places = [window.start, *(place.position for place in finest(window.inside, self._finest(least)))]
        heads = [window.flat.head(place, self._chunking.head) for place in places]
        return places, Dictation(self._mode, self._tokenizer, heads)

    def _writer(self, window: Window) -> Writer:
        prompt = window.prompt
        return Writer(
            prompt,
            stop=self._prompt.stop_ids,
            room=min(self._context_length, self._recipe.context) - len(prompt),
            prefix=self._prompt.prefix(prompt),
            drafter=self._speculation.drafter(prompt),
        )

    def _finest(self, least: Strength) -> Strength:
        """Of places, those that the model was trained to cut at."""
        return Strength.BLOCK if self._chunking.finest is Finest.BLOCK else least

    def _free(self, window: Window) -> WindowResult:
        """The model writes what it likes, and its heads are looked for."""
        decoding, prompt = self._recipe.decoding, window.prompt
        steps = decode(
            prompt,
            stop=self._prompt.stop_ids,
            budget=decoding.budget(len(prompt) - self.overhead),
            context_length=self._context_length,
            penalty=RepetitionPenalty(decoding.repetition_penalty) if decoding.repetition_penalty != 1.0 else None,
            guard=LoopGuard(prompt),
            drafter=self._speculation.drafter(prompt),
            prefix=self._prompt.prefix(prompt),
        )
        generation, prefill, rest = self._driver.drive(steps)
        answered = parse(self._tokenizer.decode(generation.tokens))
        known = [window.start, *(place.position for place in window.inside)]
        places = find_heads([item.head for item in answered], window.flat, known)
        cuts = {window.start: Cut(window.start)}
        for item, place in zip(answered, places, strict=True):
            if place is not None:
                cuts[place] = Cut(place, item.topic, item.summary)
        matched = sum(place is not None for place in places)
        lost = [item.head for item, place in zip(answered, places, strict=True) if place is None]
        flags = []
        if generation.finish is FinishReason.LOOP:
            flags.append(Flag.LOOPED)
        elif generation.finish is not FinishReason.STOP:
            flags.append(Flag.TRUNCATED)
        if matched < len(answered) or not answered:
            flags.append(Flag.LOST if matched else Flag.UNUSABLE)
        return WindowResult(
            start=window.start,
            end=window.end,
            cuts=tuple(cuts[place] for place in sorted(cuts)),
            complete=generation.finish is FinishReason.STOP,
            prompt_tokens=generation.prompt_tokens,
            written_tokens=len(generation.tokens),
            drafted=generation.drafted,
            accepted=generation.accepted,
            asked=len(generation.tokens) + (generation.finish is FinishReason.STOP),
            steps=generation.steps,
            heads=len(answered),
            matched=matched,
            misplaced=sum(find_heads([head], window.flat, known) != [None] for head in lost),
            flags=tuple(flags),
            prefill_seconds=prefill,
            decode_seconds=rest,
        )


def finest(inside: Sequence[Candidate], least: Strength) -> Sequence[Candidate]:
    """Places of at least this strength; all where there are none."""
    return [place for place in inside if place.strength >= least] or inside


def _marks(recipe: Recipe, tokenizer: Tokenizer) -> tuple[int, int] | None:
    assert recipe.chunking is not None
    if recipe.chunking.marks is None:
        return None
    yes, no = (tokenizer.token_id(token) for token in recipe.chunking.marks)
    if yes is None or no is None:
        raise ArtifactError(
            f"The tokenizer lacks a token of {', '.join(recipe.chunking.marks)}, with which the recipe {recipe.name!r} "
            "says where chunks start: this checkpoint belongs to another recipe."
        )
    return yes, no


def _cut(answer: Answer, number: int, position: int) -> Cut:
    topic = answer.topics[number] if number < len(answer.topics) else None
    summary = answer.summaries[number] if number < len(answer.summaries) else None
    return Cut(position, topic or None, summary or None)
