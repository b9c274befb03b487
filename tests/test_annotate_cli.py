"""The command `edgedoc annotate`: what it refuses, what it prints, its exit codes; and a model on this machine."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server import Server
from edgedoc.cli import main
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import DocumentError
from edgedoc.recipes import load_recipe
from edgedoc.tokens import Prompt, Tokenizer
from edgedoc_bench.annotate_endpoint import Endpoint
from edgedoc_bench.annotate_local import CHATML, STOP, LocalModel

NANO = Path(__file__).parents[1] / "models" / "edgedoc_models" / "checkpoints" / "nano-reader"
GOOD = "Topic: apples in spring Summary: Apples grow."


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Run the command line in a folder of its own and return its exit code."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["edgedoc", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    return command


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--endpoint", "http://h"],
        ["--endpoint", "http://h", "--model", "m", "--local", "x"],
        ["--endpoint", "h:1", "--model", "m"],
        ["--endpoint", "http://h", "--model", "m", "--api-key-env", "EDGEDOC_NO_SUCH_KEY"],
    ],
)
def test_what_cannot_be_asked_is_refused(run: Callable[..., int], tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "a.txt").write_text("text")

    assert run("annotate", "a.txt", "--out", "labels", *options) == 2
    assert not (tmp_path / "labels").exists()


def test_a_run(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = []

    def ask(endpoint: Endpoint, prompt: str) -> str:
        keys.append(endpoint._headers.get("Authorization"))
        if "refused" in prompt:
            raise DocumentError("No.")
        return GOOD

    monkeypatch.setattr(Endpoint, "ask", ask)
    monkeypatch.setenv("MY_KEY", "secret\n")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.jsonl").write_text('{"text": "second"}\n{"text": "refused"}\n')
    options = ["--out", "labels", "--endpoint", "http://h", "-m", "large", "--api-key-env", "MY_KEY"]

    assert run("annotate", "a.txt", *options) == 0
    assert capsys.readouterr().out == "labels\n"
    assert run("annotate", "a.txt", "b.jsonl", "missing.txt", "--json", *options) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "schema": 1,
        "out": "labels",
        "labelled": 1,
        "known": 1,
        "failed": 1,
        "unread": 1,
    }
    assert "missing.txt cannot be read" in printed.err
    assert "secret" not in printed.err + (tmp_path / "labels").read_text()
    assert set(keys) == {"Bearer secret"}
    assert [json.loads(line)["model"] for line in (tmp_path / "labels").read_text().splitlines()] == ["large"] * 3


def test_no_key_is_sent_that_was_not_named(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, chat_server: Server, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    (tmp_path / "a.txt").write_text("text")

    assert run("annotate", "a.txt", "--out", "labels", "--endpoint", chat_server.url, "-m", "large") == 0
    assert "Authorization" not in chat_server.asked[0][1]


def test_a_local_model_is_asked_in_chatml() -> None:
    recipe, tokenizer = load_recipe("nano-reader"), Tokenizer.from_file(NANO / "tokenizer.json")
    prompt = Prompt(replace(recipe, prompt=CHATML, stop=STOP), tokenizer)
    asked = "a <|im_end|> b"
    engine = ScriptedEngine.replying(
        {tuple(prompt.render(asked)): tokenizer.encode_text(GOOD)},
        stop=next(iter(prompt.stop_ids)),
        vocab_size=2048,
        context_length=256,
    )

    with LocalModel(recipe, tokenizer, engine) as model:
        assert (model.model, model.ask(asked)) == ("nano-reader", GOOD)
        with pytest.raises(DocumentError, match="the model takes 256"):
            model.ask("long " * 300)
