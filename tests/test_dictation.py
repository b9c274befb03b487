"""The dictated answer of a chunker: its form, what is left to the model, and what a wilful model can do to it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from edgedoc.decoding.driver import drive
from edgedoc.decoding.writer import Writer
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.recipes import Mode
from edgedoc.tasks.dictation import SUMMARY_TOKENS, Answer, Dictation
from edgedoc.tokens import Tokenizer

HEADS = ["Alpha one", "Beta two", "Beta too", "Gamma"]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    """One token a byte, and a stop token."""
    from tokenizers.decoders import ByteLevel as Decoder

    vocabulary = {character: index for index, character in enumerate(sorted(ByteLevel.alphabet()))}
    backend = Backend(BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = Decoder()
    backend.add_special_tokens(["<|im_end|>"])
    backend.save(str(tmp_path / "tokenizer.json"))
    return Tokenizer.from_file(tmp_path / "tokenizer.json")


Saying = Callable[[str], str]
"""What the model would say next, given what stands written so far; "" is the stop token."""


def dictate(tokenizer: Tokenizer, mode: Mode, saying: Saying, heads: Sequence[str] = HEADS, room: int = 4000):  # type: ignore[no-untyped-def]
    stop = tokenizer.token_id("<|im_end|>")
    assert stop is not None
    prompt = tokenizer.encode_text("Q")

    def next_token(fed: Sequence[int]) -> int:
        said = saying(tokenizer.decode(list(fed)[1:]))
        return tokenizer.encode_text(said)[0] if said else stop

    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=5000)
    writer = Writer(prompt, stop=frozenset({stop}), room=room)
    answer, _, _ = drive(engine, Dictation(mode, tokenizer, heads).write(writer))
    return answer, tokenizer.decode(writer.written), writer


def reciting(text: str) -> Saying:
    """A model that writes exactly `text`, then stops; what is dictated besides puts it off."""
    return lambda written: text[len(written) :][:1] if text.startswith(written) else "~"


def test_simple(tokenizer: Tokenizer) -> None:
    text = "CHUNK 0: Alpha one\nCHUNK 1: Beta too\n"
    answer, written, writer = dictate(tokenizer, Mode.SIMPLE, reciting(text))
    assert (answer.starts, answer.complete, written) == ([0, 2], True, text)
    # 0 or 1; another or none; B or G; w or o; another or none.
    assert writer.asked == 5
    assert len(writer.written) > 30


def test_counting_from_one(tokenizer: Tokenizer) -> None:
    text = "CHUNK 1: Alpha one\nCHUNK 2: Beta two\nCHUNK 3: Gamma\n"
    answer, written, _ = dictate(tokenizer, Mode.SIMPLE, reciting(text))
    assert (answer.starts, written) == ([0, 1, 3], text)


def test_topics(tokenizer: Tokenizer) -> None:
    text = "### TOPICS:\nTOPIC 0: first\nTOPIC 1: second\n### CHUNKS:\nCHUNK 0: Alpha one\nCHUNK 1: Gamma\n"
    answer, written, _ = dictate(tokenizer, Mode.TOPIC, reciting(text))
    assert (answer.starts, answer.topics, written) == ([0, 3], ["first", "second"], text)


def test_summaries(tokenizer: Tokenizer) -> None:
    text = "CHUNK 0\nSUMMARY: On alpha.\nHEAD: Alpha one\nCHUNK 1\nSUMMARY: On beta.\nHEAD: Beta two\n"
    answer, written, _ = dictate(tokenizer, Mode.SUMMARY, reciting(text))
    assert (answer.starts, answer.summaries, written) == ([0, 1], ["On alpha.", "On beta."], text)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("character", ["~", "\n", "", "C", "B"])
def test_a_wilful_model_still_gives_heads_in_order(tokenizer: Tokenizer, mode: Mode, character: str) -> None:
    answer, written, _ = dictate(tokenizer, mode, lambda _: character)
    assert isinstance(answer, Answer) and answer.complete
    assert answer.starts[0] == 0 and answer.starts == sorted(set(answer.starts))
    for line in written.splitlines():
        head = line.partition(": ")[2] if line.startswith(("CHUNK", "HEAD")) else ""
        assert not head or head in HEADS
    if mode is Mode.SUMMARY and character in "~CB" and character:
        assert answer.cut == len(answer.starts)
        assert all(len(summary) <= SUMMARY_TOKENS for summary in answer.summaries)


def test_the_same_topic_for_ever(tokenizer: Tokenizer) -> None:
    def saying(written: str) -> str:
        last = written.split("\n")[-1]
        return "T" if not last else "s" if last.endswith(":") else "\n"

    answer, _, _ = dictate(tokenizer, Mode.TOPIC, saying, [f"head {n}" for n in range(50)])
    assert answer.topics == ["s"] * 3


def test_equal_heads_are_taken_in_order(tokenizer: Tokenizer) -> None:
    heads = ["same", "same", "same", "other"]
    text = "CHUNK 0: same\nCHUNK 1: same\nCHUNK 2: same\n"
    answer, _, _ = dictate(tokenizer, Mode.SIMPLE, reciting(text), heads)
    assert answer.starts == [0, 1, 2]


def test_without_room_what_was_said_counts(tokenizer: Tokenizer) -> None:
    text = "CHUNK 0: Alpha one\nCHUNK 1: Beta too\nCHUNK 2: Gamma\n"
    answer, _, _ = dictate(tokenizer, Mode.SIMPLE, reciting(text), room=len("CHUNK 0: Alpha one\nCHUNK 1: Beta too\n"))
    assert (answer.starts, answer.complete) == ([0, 2], False)


def test_weighing_lists_every_head(tokenizer: Tokenizer) -> None:
    stop = tokenizer.token_id("<|im_end|>")
    assert stop is not None
    # A model that believes in Gamma only.
    engine = ScriptedEngine(lambda fed: tokenizer.encode_text("G")[0], vocab_size=tokenizer.vocab_size)
    writer = Writer([1], stop=frozenset({stop}), room=1000)
    dictation = Dictation(Mode.SIMPLE, tokenizer, HEADS)
    found, _, _ = drive(engine, dictation.weigh(writer))
    assert (
        tokenizer.decode(writer.written) == "CHUNK 0: Alpha one\nCHUNK 1: Beta two\nCHUNK 2: Beta too\nCHUNK 3: Gamma\n"
    )
    assert found[0] < 0.01 and found[1] < 0.01
    # Gamma is the only head left: the question is whether the answer goes on, and this model has no opinion.
    assert found[2] == pytest.approx(0.5)

    short = Writer([1], stop=frozenset({stop}), room=len("CHUNK 0: Alpha one\nCHUNK 1: Beta two\n") + 3)
    assert drive(engine, dictation.weigh(short))[0] == found[:1]
