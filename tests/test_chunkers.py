"""Several chunkers on one engine: what each says is what it says alone, and the base is loaded once."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgedoc import cli
from edgedoc.decoding.driver import Driver
from edgedoc.decoding.loop import decode
from edgedoc.engines.adapted import AdaptedEngine
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError, UsageError
from edgedoc.recipes import Mode
from edgedoc.tasks.chunker import Chunker, Chunking
from edgedoc.tasks.chunkers import Chunkers
from edgedoc.tasks.marking import Heads
from edgedoc_export.build import export

Command = Callable[..., tuple[object, str, str]]
LOAD, ADAPT, FREE = "llama_model_load_from_file", "llama_adapter_lora_init", "llama_model_free"
DOCUMENT = """# Keeping bees on a roof

A roof is a better place for bees than most gardens. It is warm, it is dry, and nobody walks past.

## What you need

You need a hive with two supers, a smoker, a veil and a pair of gloves. Do not save on the veil.

## When winter comes

Close the entrance to the width of two bees. Weigh the hive once a month.
"""
ORDER = [
    *((0, "simple"), (0, "topic"), (0, "topic"), (1, "simple"), (1, "summary"), (0, "summary"), (0, "simple")),
    *((1, "summary"), (1, "topic"), (0, "summary")),
]
"""Document and mode: each after each of the others and after itself, on the same document and on another."""
OTHER = "# Tea\n\nBoil water. Wait.\n\n## Steep\n\nThree minutes, no more.\n\n# Coffee\n\nGrind it. Do not wait.\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nano-reader at eight bits with the three chunkers beside it."""
    pytest.importorskip("llama_cpp")
    pytest.importorskip("gguf")
    adapters = [f"nano-chunker-{mode}" for mode in Mode]
    out = tmp_path_factory.mktemp("chunkers") / "family"
    return export("nano-reader", adapter=adapters, unmerged=True, preset="int8", out=out, threads=1)


def told(chunking: Chunking) -> list[object]:
    """All that a model decided, and in how many steps."""
    windows = [(window.cuts, window.written_tokens, window.steps, window.flags) for window in chunking.windows]
    return [*windows, chunking.chunks]


@pytest.mark.parametrize("heads", list(Heads))
def test_each_says_what_it_says_alone_in_whatever_order(folder: Path, heads: Heads) -> None:
    alone = {}
    for mode in Mode:
        with Chunker.open(folder, mode=mode, heads=heads, threads=1, drafts=False) as chunker:
            alone[mode] = [told(chunker.chunk(text)) for text in (DOCUMENT, OTHER)]
    assert len({str(found) for found in alone.values()}) == len(Mode)
    with Chunkers.open(folder, heads=heads, threads=1, drafts=False) as chunkers:
        for number, name in ORDER:
            found = told(chunkers.of(f"nano-chunker-{name}").chunk((DOCUMENT, OTHER)[number]))
            assert found == alone[Mode(name)][number]


def test_drafts_are_paced_for_each(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path))
    with Chunker.open(folder, mode=Mode.TOPIC, threads=1) as chunker:
        alone = chunker.chunk(DOCUMENT)
    with Chunkers.open(folder, threads=1) as chunkers:
        shared = [chunker.chunk(DOCUMENT) for chunker in chunkers]
    assert shared[1].chunks == alone.chunks
    # One of these is the topic model's from before; the simple one has nothing to draft.
    assert len(list((tmp_path / "profile").iterdir())) == 2


def test_the_base_is_loaded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp.llama_cpp as library

    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        genuine = getattr(library, name)

        def counted(*arguments: object) -> object:
            calls[name] += 1
            return genuine(*arguments)

        monkeypatch.setattr(library, name, counted)

    for name in (LOAD, ADAPT, FREE):
        count(name)
    with Chunkers.open(folder, threads=1, drafts=False) as chunkers:
        assert [chunker.recipe.mode for chunker in chunkers] == list(Mode)
        for chunker in chunkers:
            assert "".join(chunk.text for chunk in chunker.chunk(OTHER).chunks) == OTHER
    chunkers.close()
    assert calls == {LOAD: 1, ADAPT: 3, FREE: 1}
    with pytest.raises(EngineError, match="closed"):
        chunker.chunk(OTHER)


def test_closing_one_leaves_the_others(folder: Path) -> None:
    with Chunkers.open(folder, wanted=["topic", "nano-chunker-simple"], threads=1, drafts=False) as chunkers:
        with chunkers.of("simple") as closed:
            expected = closed.chunk(OTHER).chunks
        assert expected
        with pytest.raises(EngineError, match="closed"):
            closed.chunk(OTHER)
        assert chunkers.of("topic").chunk(OTHER).chunks
        with pytest.raises(UsageError, match="nano-chunker-summary was not opened; these were: nano-chunker-topic, na"):
            chunkers.of("summary")


def test_names_that_mean_nothing_are_answered_with_those_there_are(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no adapters for 'gist'.*nano-chunker-simple \(simple\), nano-chunker-topic"):
        Chunkers.open(folder, wanted=["simple", "gist"], threads=1)
    with Chunkers.open(folder, threads=1, drafts=False) as chunkers, pytest.raises(UsageError, match="for 'gist'"):
        chunkers.of("gist")


@pytest.mark.parametrize("format", ["gguf", "onnx"])
def test_a_merged_model_has_nothing_to_switch(tmp_path: Path, format: str) -> None:
    pytest.importorskip("onnx")
    merged = export("nano-chunker-topic", format=format, preset="int8", out=tmp_path / "merged")
    for wanted in ([], ["topic"]):
        with pytest.raises(UsageError, match=rf"only nano-chunker-topic \({format}\).*--unmerged"):
            Chunkers.open(merged, wanted=wanted, threads=1)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`edgedoc chunk ARGUMENTS --threads 1` where tea.md is: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    Path("tea.md").write_text(OTHER, "utf-8")

    def call(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgedoc", "chunk", *arguments, "--threads", "1"])
        with pytest.raises(SystemExit) as done:
            cli.main()
        return (done.value.code, *capfd.readouterr())

    return call


def test_the_command_names_the_mode_of_each_chunk_where_there_are_several(folder: Path, command: Command) -> None:
    model = ("tea.md", "--model", str(folder))
    single = {mode: command(*model, "--mode", mode)[1] for mode in ("topic", "simple")}
    code, out, _ = command(*model, "--mode", "topic", "--mode", "simple", "--mode", "topic")
    assert code == 0
    assert out == "".join(
        line.replace("{", f'{{"mode": "{mode}", ', 1) for mode, said in single.items() for line in said.splitlines(True)
    )
    assert command(*model, "--mode", "topic", "--mode", "simple", "--out", "tea.jsonl")[:2] == (0, "")
    assert Path("tea.jsonl").read_text("utf-8") == out
    _, told, _ = command(*model, "--mode", "topic", "--mode", "simple", "--json")
    rows = [json.loads(line) for line in told.splitlines()]
    assert [(row["source"], row["mode"], row["tokenizer"]) for row in rows] == [
        ("tea.md", mode, f"nano-chunker-{mode}") for mode in ("topic", "simple")
    ]


def test_the_command_says_how_to_get_a_model_of_several_modes(command: Command) -> None:
    code, out, err = command("tea.md", "--mode", "topic", "--mode", "summary")
    assert (code, out) == (2, "")
    assert "--adapter nano-chunker-topic --adapter nano-chunker-summary --unmerged" in " ".join(err.split())


class Switched(ScriptedEngine):
    """An `AdapterEngine` that says its adapter's token, then 0."""

    adapters = ("a", "b")

    def __init__(self) -> None:
        super().__init__(lambda fed: 0 if fed[-1] in (11, 22) else {"a": 11, "b": 22}[str(self.adapter)])
        self.adapter: str | None = None

    def use(self, adapter: str | None) -> None:
        if adapter != self.adapter:
            self.adapter = adapter
            self.rewind(0)


@pytest.fixture
def views() -> Iterator[tuple[AdaptedEngine, AdaptedEngine]]:
    shared = Switched()
    yield AdaptedEngine(shared, "a", 8), AdaptedEngine(shared, "b", 4096)


def test_a_view_holds_nothing_once_the_other_was_fed(views: tuple[AdaptedEngine, AdaptedEngine]) -> None:
    first, second = views
    assert first.extend((1, 2, 3)).argmax() == 11
    assert (first.position, second.position) == (3, 0)
    assert second.extend((4, 5)).argmax() == 22
    assert (first.position, second.position) == (0, 2)
    with pytest.raises(EngineError, match="Cannot rewind to 3: the engine is at 0"):
        first.rewind(3)
    second.rewind(1)
    assert second.position == 1


def test_a_view_has_the_context_it_would_have_alone(views: tuple[AdaptedEngine, AdaptedEngine]) -> None:
    first, second = views
    assert (first.context_length, second.context_length, second.vocab_size) == (8, 2048, 256)
    with pytest.raises(EngineError, match="5 tokens are in it and 4 more do not fit into 8"):
        first.extend(range(1, 6), 0)
        first.extend((6, 7, 8, 9))


def test_a_document_that_fits_nowhere_leaves_no_prefix_behind(views: tuple[AdaptedEngine, AdaptedEngine]) -> None:
    """It feeds nothing: the driver must not take the empty cache of a switched engine for its prefix."""
    drivers = {name: Driver(view) for name, view in zip("ab", views, strict=True)}

    def ask(name: str, fits: bool = True) -> tuple[int, ...]:
        prompt = (201, 202, 5) if fits else range(201, 220)
        steps = decode(prompt, stop=frozenset({0}), budget=4, context_length=8, prefix=2)
        return drivers[name].drive(steps)[0].tokens

    assert [ask("a"), ask("b"), ask("a", fits=False), ask("a")] == [(11,), (22,), (), (11,)]
