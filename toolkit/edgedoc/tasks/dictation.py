"""The answer of a chunker, dictated wherever it is certain: the form, and heads that are the document's own words.

The model chooses: where the next chunk starts, among all places where one may; whether there is one; what a topic or a
summary says. So a head always matches, in order, by construction. Knows tokens, not the document and not the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgedoc.decoding.writer import FullError, Steps, Writer
from edgedoc.recipes import Mode
from edgedoc.tokens import Tokenizer

TOPIC_TOKENS = 64
SUMMARY_TOKENS = 192
"""Most tokens of a line. "Topics should short and concise", summaries "one sentence long", say the prompts."""
REPEATS = 3
"""The same topic so many times is a loop."""


@dataclass(slots=True)
class Answer:
    """What was written: `starts` are indices into the heads offered, the first is 0; topics and summaries run along.

    `complete` is False when there was no room to the end, `cut` counts lines that were longer than allowed.
    """

    starts: list[int] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    complete: bool = True
    cut: int = 0


class Dictation:
    """One window's answer, in the form its mode asks for."""

    def __init__(self, mode: Mode, tokenizer: Tokenizer, heads: Sequence[str]) -> None:
        """`heads`: what a chunk starting at each possible place would begin with; place 0 is the window's start."""
        self._mode = mode
        self._tokenizer = tokenizer
        self._heads = [self._encode(f" {head}\n") for head in heads]

    def write(self, writer: Writer) -> Steps[Answer]:
        """Let the model write the answer."""
        answer = Answer()
        try:
            if self._mode is Mode.TOPIC:
                yield from self._topics(writer, answer)
            if self._mode is Mode.SUMMARY:
                yield from self._summaries(writer, answer)
            else:
                yield from self._plain(writer, answer)
        except FullError:
            answer.complete = False
        return answer

    def weigh(self, writer: Writer) -> Steps[list[float]]:
        """List the heads; the probability of each but the first, given that a chunk starts at the one before it.

        As many as there is room for: the result may be shorter than the heads are.
        """
        choices: list[tuple[list[list[int]], int]] = []
        room = writer.room
        for place in range(len(self._heads)):
            opening = self._encode(f"CHUNK {place}:")
            options = [[*opening, *head] for head in self._heads[place:]]
            room -= len(options[0])
            if room < 0:
                break
            choices.append(([*options, *_stops(writer)], 0))
        if not choices:
            return []
        # A chunk starts with the window: its head is no question.
        (listed, _), *asked = choices
        writer.put(listed[0])
        return (yield from writer.weigh(asked))

    def _plain(self, writer: Writer, answer: Answer) -> Steps[None]:
        """`CHUNK i: head` lines. Whether i counts from 0 or 1 is the model's habit: the prompts do not say."""
        first = yield from writer.choose([self._line(0, 0), self._line(1, 0)])
        answer.starts.append(0)
        while answer.starts[-1] + 1 < len(self._heads):
            number, later = first + len(answer.starts), range(answer.starts[-1] + 1, len(self._heads))
            opening = self._encode(f"CHUNK {number}:")
            options = [[*opening, *self._heads[place]] for place in later]
            chosen = yield from writer.choose([*options, *_stops(writer)])
            if chosen >= len(options):
                break
            answer.starts.append(later[chosen])

    def _topics(self, writer: Writer, answer: Answer) -> Steps[None]:
        """The topics first; no more than there are places, and not the same one for ever."""
        writer.put(self._encode("### TOPICS:\n"))
        first = yield from writer.choose([self._encode("TOPIC 0:"), self._encode("TOPIC 1:")])
        heading = self._encode("### CHUNKS:\n")
        while True:
            answer.topics.append((yield from self._free(writer, answer, TOPIC_TOKENS)))
            looping = len(answer.topics) >= REPEATS and len(set(answer.topics[-REPEATS:])) == 1
            if looping or len(answer.topics) == len(self._heads):
                writer.put(heading)
                return
            more = self._encode(f"TOPIC {first + len(answer.topics)}:")
            if (yield from writer.choose([more, heading])):
                return

    def _summaries(self, writer: Writer, answer: Answer) -> Steps[None]:
        while True:
            opening = self._encode(f"CHUNK {len(answer.starts)}\nSUMMARY:")
            first = not answer.starts
            if (yield from writer.choose([opening] if first else [opening, *_stops(writer)])):
                return
            summary = yield from self._free(writer, answer, SUMMARY_TOKENS)
            writer.put(self._encode("HEAD:"))
            later = range(answer.starts[-1] + 1, len(self._heads)) if not first else range(1)
            chosen = yield from writer.choose([self._heads[place] for place in later])
            answer.starts.append(later[chosen])
            answer.summaries.append(summary)
            if answer.starts[-1] + 1 == len(self._heads):
                return

    def _free(self, writer: Writer, answer: Answer, limit: int) -> Steps[str]:
        """A line in the model's own words."""
        begin = len(writer.written)
        ended = yield from writer.line(limit, lambda token: "\n" in self._tokenizer.decode((token,)))
        text = self._tokenizer.decode(writer.written[begin:])
        if "\n" not in text:
            writer.put(self._encode("\n"))
        answer.cut += not ended
        return " ".join(text.split())

    def _line(self, number: int, place: int) -> list[int]:
        return [*self._encode(f"CHUNK {number}:"), *self._heads[place]]

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode_text(text)


def _stops(writer: Writer) -> list[list[int]]:
    return [[token] for token in sorted(writer.stop)]
