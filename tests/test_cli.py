"""The command line in this process: options, messages, exit codes. What needs its own process is in test_process."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple

import pytest

from edgedoc import __version__, cli

Artifacts = dict[str, Path]
PAGE = "<html><body><h1>Opening hours</h1><p>We open at nine — 早上九点.</p></body></html>"


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `edgedoc ARGUMENTS` in an empty working directory with an empty store."""
    for name in ("EDGEDOC_MODEL", "EDGEDOC_DEBUG", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("page.html").write_text(PAGE, "utf-8")

    def call(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["edgedoc", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            cli.main()
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out + captured.err
        assert isinstance(done.value.code, int)
        return Outcome(done.value.code, captured.out, captured.err)

    return call


def test_the_bare_command_shows_examples(run: Run) -> None:
    done = run()
    assert done.code == 2
    assert "Examples:" in done.out + done.err
    assert "edgedoc convert page.html" in done.out + done.err


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"edgedoc {__version__}\n", "")


@pytest.mark.parametrize("command", ["models", "export", "convert", "verify", "doctor", "demo"])
def test_every_command_explains_itself_and_prints_json(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    usage, _, sentence, *_ = done.out.splitlines()
    assert usage.startswith(f"Usage: edgedoc {command}")
    assert sentence.strip().endswith(".")
    assert "--json" in done.out


# Codes: 0 done, 1 a document or operation failed, 2 usage, 3 missing here. 130 is in test_process.
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("models", 0, ""),
        ("convert page.html -m INT8", 0, ""),
        ("verify INT8", 0, ""),
        ("convert nope.html -m INT8", 1, "nope.html: It cannot be read: No such file"),
        ("convert . -m INT8", 1, ".: It is a folder"),
        ("export CHECKPOINT --quant f32 --out INT8", 1, "exists already"),
        ("convert page.html -m page.html", 1, "page.html is a file; an artifact is a folder"),
        ("convrt page.html", 2, "Did you mean 'convert'?"),
        ("convert", 2, "Missing argument 'INPUT'"),
        ("convert page.html --fallbak none", 2, "--fallback"),
        ("convert page.html --fallback nonsense", 2, "--fallback is rules or none, not 'nonsense'"),
        ("convert page.html --memory abc -m INT8", 2, "'abc' is not an amount of memory. Write it like 600M"),
        ("convert page.html --threads 0", 2, "--threads"),
        ("convert page.html --provider cuda -m INT8", 2, "The provider cuda runs ONNX models only"),
        ("convert page.html page.html", 2, "Name a folder with --out"),
        ("convert page.html page.html -o out", 2, "would both become"),
        ("convert page.html -m reader-lm-0.5", 2, "Did you mean 'reader-lm-0.5b'?"),
        ("export reader-lm-0.6b", 2, "Did you mean 'reader-lm-0.5b'?"),
        ("export CHECKPOINT --quant int5", 2, "Did you mean"),
        ("export CHECKPOINT --format tflite", 2, "this version writes gguf"),
        ("convert page.html --memory 1M -m INT8", 3, "the memory limit is 1 MB"),
        ("verify ./nowhere", 3, "Make one with: edgedoc export"),
    ],
)
def test_exit_codes_and_messages(run: Run, tiny_artifacts: Artifacts, line: str, code: int, said: str) -> None:
    places = {"INT8": str(tiny_artifacts["int8"]), "CHECKPOINT": str(tiny_artifacts["f32"].parent / "checkpoint")}
    done = run(*(places.get(word, word) for word in line.split()))
    assert done.code == code, done.err
    assert said in done.err
    assert (done.out == "") == (code != 0)
    assert "Traceback" not in done.err


def test_models_in_json(run: Run) -> None:
    table = json.loads(run("models", "--json").out)
    assert table["schema"] == 1
    assert {"nano-reader", "reader-lm-0.5b", "reader-lm-1.5b"} <= {row["name"] for row in table["rows"]}


def test_doctor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgedoc.doctor.memory_bandwidth", lambda: 1e10)
    assert run("doctor").out.startswith("edgedoc")
    assert json.loads(run("doctor", "--json").out)["schema"] == 1


def test_stdin_to_stdout(run: Run, tiny_artifacts: Artifacts) -> None:
    done = run("convert", "-", "-m", tiny_artifacts["int8"], stdin=PAGE.encode("cp936", "replace"))
    assert done.code == 0
    # The model's noise is replaced by rules, and that is said on stderr only.
    assert done.out.startswith("# Opening hours\n\nWe open at nine")
    assert "rules stand in" in done.err and "no charset declared" in done.err


def test_without_rules_the_models_own_answer(run: Run, tiny_artifacts: Artifacts) -> None:
    done = run("convert", "page.html", "-m", tiny_artifacts["int8"], "--fallback", "none")
    assert done.code == 0
    assert "Opening hours" not in done.out
    assert "kept as it is" in done.err


def test_several_inputs_one_of_them_missing(run: Run, tiny_artifacts: Artifacts) -> None:
    shutil.copy("page.html", "other.htm")
    done = run("convert", "page.html", "nope.html", "other.htm", "-m", tiny_artifacts["int8"], "--out", "out")
    assert (done.code, done.out) == (1, "")
    assert "edgedoc: nope.html: " in done.err
    assert sorted(path.name for path in Path("out").iterdir()) == ["other.md", "page.md"]
    assert "九点" in Path("out/page.md").read_text("utf-8")


def test_several_inputs_as_json_lines(run: Run, tiny_artifacts: Artifacts) -> None:
    done = run("convert", "page.html", "nope.html", "-", "-m", tiny_artifacts["int8"], "--json", stdin=b"<p>Hi</p>")
    first, second, third = (json.loads(line) for line in done.out.splitlines())
    assert done.code == 1
    assert first["markdown"].startswith("# Opening hours") and first["fallbacks"] == 1
    assert second.keys() == {"schema", "source", "error"}
    assert (third["source"], third["markdown"]) == ("-", "Hi\n")


@pytest.mark.parametrize("out", ["page.html/below.md", "/proc/none/page.md"])
def test_a_destination_that_cannot_be_written(run: Run, tiny_artifacts: Artifacts, out: str) -> None:
    done = run("convert", "page.html", "-m", tiny_artifacts["int8"], "--out", out)
    assert (done.code, done.out) == (1, "")
    assert "cannot be written" in done.err and "--out" in done.err


def test_the_model_may_come_from_the_environment(
    run: Run, tiny_artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDOC_MODEL", "./nowhere")
    done = run("convert", "page.html")
    assert done.code == 3 and "nowhere" in done.err
    monkeypatch.setenv("EDGEDOC_MODEL", str(tiny_artifacts["int8"]))
    assert run("convert", "page.html").code == 0


def test_export_ends_with_the_path_and_verify_agrees(run: Run, checkpoint_folder: Path) -> None:
    done = run("export", checkpoint_folder, "--quant", "int8", "--out", "made")
    assert (done.code, done.out) == (0, "made\n")
    assert [line for line in done.err.splitlines() if not line.endswith("...")] == []
    assert "all as the manifest says" in run("verify", "made").out
    again = run("export", checkpoint_folder, "--out", "made", "--overwrite", "--json")
    assert json.loads(again.out)["manifest"]["preset"] == "int8"


def test_a_non_commercial_licence_is_told_once_on_stderr(run: Run, checkpoint_folder: Path) -> None:
    done = run("export", checkpoint_folder, "--recipe", "reader-lm-0.5b", "--quant", "f16", "--out", "made")
    assert (done.code, done.out) == (0, "made\n")
    assert done.err.count("CC-BY-NC-4.0") == 1


def test_one_changed_byte_is_found(run: Run, tiny_artifacts: Artifacts) -> None:
    shutil.copytree(tiny_artifacts["int8"], "copy")
    model = next(Path("copy").glob("*.gguf"))
    content = bytearray(model.read_bytes())
    content[-100] ^= 1
    model.write_bytes(content)
    done = run("verify", "copy")
    assert (done.code, done.out) == (1, "")
    assert f"{model.name} is altered" in done.err


def test_verify_against_full_precision(run: Run, tiny_artifacts: Artifacts) -> None:
    line = ("verify", tiny_artifacts["int8"], "--against", tiny_artifacts["f32"], "--min-agreement")
    done = run(*line, "0", "--json")
    fidelity = json.loads(done.out)["fidelity"]
    assert done.code == 0
    assert 0.0 < fidelity["top1_agreement"] < 1.0
    assert fidelity["kl_mean"] > 0.0
    failed = run(*line, "1")
    assert (failed.code, failed.err) == (1, "")
    assert failed.out.splitlines()[-1] == "FAILED: at least 100.0% of the answers' tokens should be the same"


def test_without_an_engine_the_extra_is_named(
    run: Run, tiny_artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    monkeypatch.delitem(sys.modules, "llama_cpp.llama_cpp", raising=False)
    done = run("convert", "page.html", "-m", tiny_artifacts["int8"])
    assert (done.code, done.out) == (3, "")
    assert "pip install 'edgedoc[gguf]'" in done.err


def test_without_the_exporter_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without_gguf(name: str) -> str:
        if name == "gguf":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_gguf)
    for command in (["export", "nano-reader"], ["convert", "page.html"]):
        done = run(*command)
        assert (done.code, done.out) == (3, "")
        assert "pip install 'edgedoc[export]'" in done.err


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_traceback_on_request_only(run: Run, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "environment":
        monkeypatch.setenv("EDGEDOC_DEBUG", "1")
    done = run(*(["--debug"] if by == "option" else []), "verify", "./nowhere")
    assert done.code == 3
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("edgedoc: There is no artifact")
