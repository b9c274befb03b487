"""bundle, install, pull and push on the command line: what goes to stdout, and how each ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedoc import cli
from minisign_files import PUBLIC, PUBLISHED_KEY, SECRET

pytest.importorskip("cryptography")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `edgedoc ARGUMENTS` with an empty store; gives exit code, stdout and stderr."""
    monkeypatch.delenv("EDGEDOC_KEY", raising=False)
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("key").write_text(SECRET, "utf-8")
    Path("key.pub").write_text(PUBLIC, "utf-8")

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgedoc", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(done.value.code, int)
        return done.value.code, captured.out, captured.err

    return call


def test_from_bundle_to_store(run: Run, artifact_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run("bundle", artifact_folder, "-o", "x.tar", "--sign", "key")
    assert (code, out) == (0, "x.tar\n") and "Next: edgedoc install x.tar" in err
    code, out, err = run("install", "x.tar", "--key", "key.pub")
    assert code == 0 and out.endswith("home/artifacts/nano-reader/gguf-int8\n")
    assert "signed: timestamp:1767225600\tfile:x.tar\thashed\n" in err and "Apache-2.0" in err
    monkeypatch.setenv("EDGEDOC_KEY", PUBLIC.splitlines()[1])
    code, out, err = run("install", "x.tar", "--json")
    assert (code, json.loads(out)["artifacts"][0]["known"]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["install", "y.tar"], 3, "There is no bundle at y.tar"),
        (
            ["install", "x.tar", "--key", PUBLISHED_KEY],
            1,
            "was signed by the key C2FA1B2E13F43BFF, not by the one given",
        ),
        (["install", "x.tar", "--key", "key"], 2, "is no public key of minisign's; it is the .pub file"),
        (["bundle", "art", "-o", "y.tar", "--sign", "key.pub"], 2, "is no secret key of minisign's"),
        (["bundle", "nano-reader", "-o", "y.tar"], 3, "Make it with: edgedoc export nano-reader"),
        (["bundle", "art", "-o", "y.tar", "--wheels", "a b"], 2, "is no platform tag"),
        (["bundle", "art", "-o", "art/model.gguf/y.tar"], 1, "cannot be written"),
        (["install", "x.tar", "--with-wheels"], 2, "--with-wheels installs code: name the --key"),
        (["pull", "nano-reader"], 2, "comes with edgedoc; there is nothing to pull"),
        (["push", "art", "me/nano", "--dry-run", "--results", "absent.md"], 1, "It cannot be read"),
    ],
)
def test_every_failure_is_a_line(
    run: Run, artifact_folder: Path, arguments: list[str], code: int, message: str
) -> None:
    Path("art").symlink_to(artifact_folder)
    assert run("bundle", artifact_folder, "-o", "x.tar", "--sign", "key")[0] == 0
    ended, out, err = run(*arguments)
    assert (ended, out) == (code, "") and message in err and "Traceback" not in err
    assert not Path("y.tar").exists() and not Path("home").exists()


def test_a_dry_push_prints_the_card(run: Run, artifact_folder: Path) -> None:
    Path("report.md").write_text("# Speed\n", "utf-8")
    code, out, err = run("push", artifact_folder, "me/nano-GGUF", "--dry-run", "--results", "report.md")
    assert code == 0 and out.startswith("---\n") and out.endswith("## Measured\n\n### Speed\n")
    assert "5 files" in err and "  model.gguf\n" in err
    code, out, _ = run("push", artifact_folder, "me/nano-GGUF", "--dry-run", "--json")
    assert (code, json.loads(out)["url"]) == (0, None)
