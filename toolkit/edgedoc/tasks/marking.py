"""Asks a chunker where the chunks of one window start: dictated, freely, or by weighing. Knows one window only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

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
from edgedoc.errors import UsageError
from edgedoc.recipes import Finest, Method, Mode, Recipe
from edgedoc.tasks.answers import parse
from edgedoc.tasks.dictation import Answer, Dictation
from edgedoc.tasks.speculation import PLAIN, Speculation
from edgedoc.tokens import Prompt, Tokenizer


class Heads(StrEnum):
    """Whether heads can only be the document's own words, or whatever the model writes."""

    CONSTRAINED = "constrained"
    FREE = "free"


class Flag(StrEnum):
    """What was wrong with a window's answer. The document is whole all the same."""

    TRUNCATED = "the answer did not fit"
    LOOPED = "the model looped"
    CUT = "a topic or summary was too long"
    LOST = "a head was not found in the text"
    UNUSABLE = "no head was found in the text"


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """One window's cuts and their bill; positions are characters of the document, times seconds.

    `heads` counts chunks the model named and `matched` those that were found, `misplaced` those that are in the text
    but before the one named before; `asked` are the decisions left to the model among `written_tokens`. The first cut
    is the window's start. Scoring fills `weighed`: every place it looked at and the probability of a boundary there,
    given one at the place before.
    """

    start: int
    end: int
    cuts: tuple[Cut, ...]
    complete: bool
    prompt_tokens: int
    written_tokens: int
    drafted: int
    accepted: int
    asked: int
    steps: int
    heads: int
    matched: int
    misplaced: int = 0
    flags: tuple[Flag, ...]
    weighed: tuple[tuple[int, float], ...] = ()
    prefill_seconds: float
    decode_seconds: float


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
        """Raises UsageError when the recipe cannot be asked that way."""
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

    @property
    def overhead(self) -> int:
        """Tokens of the prompt around an empty document."""
        return self._prompt.overhead

    def mark(self, text: str, start: int, end: int, inside: Sequence[Candidate]) -> WindowResult:
        """Where chunks of text[start:end] start, out of `inside`. Raises EngineError."""
        flat = Flat(text, start, end)
        prompt = self._prompt.render(flat.text if self._chunking.collapse else text[start:end].rstrip())
        window = _Window(flat=flat, start=start, end=end, inside=inside, prompt=prompt)
        if self._heads is Heads.FREE:
            return self._free(window)
        return self._score(window) if self._method is Method.SCORE else self._dictate(window)

    def _dictate(self, window: "_Window") -> WindowResult:
        """The model writes; heads can only be the document's own."""
        places, dictation = self._dictation(window, Strength.SENTENCE)
        writer = self._writer(window)
        answer, prefill, rest = self._driver.drive(dictation.write(writer))
        flags = (*(() if answer.complete else (Flag.TRUNCATED,)), *((Flag.CUT,) if answer.cut else ()))
        cuts = [_cut(answer, number, places[index]) for number, index in enumerate(answer.starts or [0])]
        return window.billed(writer, cuts, complete=answer.complete, flags=flags, seconds=(prefill, rest))

    def _score(self, window: "_Window") -> WindowResult:
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

    def _dictation(self, window: "_Window", least: Strength) -> tuple[list[int], Dictation]:
        """The places that count, the window's start first, and the answer over their heads."""
        places = [window.start, *(place.position for place in self._fine(window.inside, least))]
        heads = [window.flat.head(place, self._chunking.head) for place in places]
        return places, Dictation(self._mode, self._tokenizer, heads)

    def _writer(self, window: "_Window") -> Writer:
        prompt = window.prompt
        return Writer(
            prompt,
            stop=self._prompt.stop_ids,
            room=min(self._context_length, self._recipe.context) - len(prompt),
            prefix=self._prompt.prefix(prompt),
            drafter=self._speculation.drafter(prompt),
        )

    def _fine(self, inside: Sequence[Candidate], least: Strength) -> Sequence[Candidate]:
        """Places of at least this strength that the model was trained to cut at; all where there are none."""
        least = Strength.BLOCK if self._chunking.finest is Finest.BLOCK else least
        return [place for place in inside if place.strength >= least] or inside

    def _free(self, window: "_Window") -> WindowResult:
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


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Characters `start` to `end` of a document, as the model is to see them."""

    flat: Flat
    start: int
    end: int
    inside: Sequence[Candidate]
    prompt: list[int]

    def billed(
        self,
        writer: Writer,
        cuts: Sequence[Cut],
        *,
        complete: bool,
        flags: tuple[Flag, ...],
        seconds: tuple[float, float],
    ) -> WindowResult:
        """The result of an answer that could only name places there are."""
        return WindowResult(
            start=self.start,
            end=self.end,
            cuts=tuple(cuts),
            complete=complete,
            prompt_tokens=len(self.prompt),
            written_tokens=len(writer.written),
            drafted=writer.drafted,
            accepted=writer.accepted,
            asked=writer.asked,
            steps=writer.steps,
            heads=len(cuts),
            matched=len(cuts),
            flags=flags,
            prefill_seconds=seconds[0],
            decode_seconds=seconds[1],
        )


def _cut(answer: Answer, number: int, position: int) -> Cut:
    topic = answer.topics[number] if number < len(answer.topics) else None
    summary = answer.summaries[number] if number < len(answer.summaries) else None
    return Cut(position, topic or None, summary or None)
