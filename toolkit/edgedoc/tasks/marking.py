"""Asks a chunker where the chunks of one window start: dictated, freely, or by weighing. Knows one window only."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import FinishReason, drive, run
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

    `heads` counts chunks the model named and `matched` those that were found; `asked` are the decisions left to the
    model among `written_tokens`. The first cut is the window's start. Scoring fills `weighed`: every place it looked at
    and the probability of a boundary there, given one at the place before.
    """

    start: int
    end: int
    cuts: tuple[Cut, ...]
    complete: bool
    prompt_tokens: int
    written_tokens: int
    asked: int
    steps: int
    heads: int
    matched: int
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
    ) -> None:
        """Raises UsageError when the recipe cannot be asked that way."""
        assert recipe.chunking is not None and recipe.mode is not None
        self._recipe, self._tokenizer, self._engine = recipe, tokenizer, engine
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
        room = min(self._engine.context_length, self._recipe.context) - len(prompt)
        if self._heads is Heads.FREE:
            return self._free(flat, start, end, inside, prompt)
        writer = Writer(prompt, stop=self._prompt.stop_ids, room=room)
        if self._method is Method.SCORE:
            return self._score(flat, start, end, inside, writer, len(prompt))
        places = [start, *(place.position for place in self._fine(inside, Strength.SENTENCE))]
        dictation = Dictation(self._mode, self._tokenizer, [flat.head(place, self._chunking.head) for place in places])
        answer, prefill, rest = drive(self._engine, dictation.write(writer))
        flags = [*([] if answer.complete else [Flag.TRUNCATED]), *([Flag.CUT] if answer.cut else [])]
        starts = answer.starts or [0]
        return WindowResult(
            start=start,
            end=end,
            cuts=tuple(_cut(answer, number, places[index]) for number, index in enumerate(starts)),
            complete=answer.complete,
            prompt_tokens=len(prompt),
            written_tokens=len(writer.written),
            asked=writer.asked,
            steps=writer.steps,
            heads=len(starts),
            matched=len(starts),
            flags=tuple(flags),
            prefill_seconds=prefill,
            decode_seconds=rest,
        )

    def _score(
        self, flat: Flat, start: int, end: int, inside: Sequence[Candidate], writer: Writer, prompt_tokens: int
    ) -> WindowResult:
        """Every place is listed as a head and weighed; sentences only where there is nothing coarser, or room."""
        chosen = self._fine(inside, Strength.LINE)
        heads = [flat.head(place, self._chunking.head) for place in (start, *(place.position for place in chosen))]
        dictation = Dictation(self._mode, self._tokenizer, heads)
        found, prefill, rest = drive(self._engine, dictation.weigh(writer))
        # What had no room is seen from the last cut on, in the next window.
        complete = len(found) == len(chosen)
        weighed = tuple(zip((place.position for place in chosen), found, strict=False))
        taken = [position for position, probability in weighed if probability >= self._threshold]
        return WindowResult(
            start=start,
            end=end,
            cuts=(Cut(start), *(Cut(position) for position in taken)),
            complete=complete,
            prompt_tokens=prompt_tokens,
            written_tokens=len(writer.written),
            asked=len(found),
            steps=writer.steps,
            heads=1 + len(taken),
            matched=1 + len(taken),
            flags=() if complete else (Flag.TRUNCATED,),
            weighed=weighed,
            prefill_seconds=prefill,
            decode_seconds=rest,
        )

    def _fine(self, inside: Sequence[Candidate], least: Strength) -> Sequence[Candidate]:
        """Places of at least this strength that the model was trained to cut at; all where there are none."""
        least = Strength.BLOCK if self._chunking.finest is Finest.BLOCK else least
        return [place for place in inside if place.strength >= least] or inside

    def _free(self, flat: Flat, start: int, end: int, inside: Sequence[Candidate], prompt: list[int]) -> WindowResult:
        decoding = self._recipe.decoding
        generation = run(
            self._engine,
            prompt,
            stop=self._prompt.stop_ids,
            budget=decoding.budget(len(prompt) - self.overhead),
            penalty=RepetitionPenalty(decoding.repetition_penalty) if decoding.repetition_penalty != 1.0 else None,
            guard=LoopGuard(prompt),
        )
        answered = parse(self._tokenizer.decode(generation.tokens))
        places = find_heads([item.head for item in answered], flat, [start, *(place.position for place in inside)])
        cuts = {start: Cut(start)}
        for item, place in zip(answered, places, strict=True):
            if place is not None:
                cuts[place] = Cut(place, item.topic, item.summary)
        matched = sum(place is not None for place in places)
        flags = []
        if generation.finish is FinishReason.LOOP:
            flags.append(Flag.LOOPED)
        elif generation.finish is not FinishReason.STOP:
            flags.append(Flag.TRUNCATED)
        if matched < len(answered) or not answered:
            flags.append(Flag.LOST if matched else Flag.UNUSABLE)
        return WindowResult(
            start=start,
            end=end,
            cuts=tuple(cuts[place] for place in sorted(cuts)),
            complete=generation.finish is FinishReason.STOP,
            prompt_tokens=generation.prompt_tokens,
            written_tokens=len(generation.tokens),
            asked=len(generation.tokens) + (generation.finish is FinishReason.STOP),
            steps=generation.steps,
            heads=len(answered),
            matched=matched,
            flags=tuple(flags),
            prefill_seconds=generation.prefill_seconds,
            decode_seconds=generation.decode_seconds,
        )


def _cut(answer: Answer, number: int, position: int) -> Cut:
    topic = answer.topics[number] if number < len(answer.topics) else None
    summary = answer.summaries[number] if number < len(answer.summaries) else None
    return Cut(position, topic or None, summary or None)
