"""The command line as a process: pipes, code pages, terminals, signals. Everything else about it is in test_cli."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ESCAPE = re.compile(rb"\x1b")
PAGE = "<html><body><h1>Grüße — 早上</h1><p>One paragraph of text.</p></body></html>"
Artifacts = dict[str, Path]


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "EDGEDOC_DEBUG")}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "EDGEDOC_HOME": str(folder / "home"), **more}


def _edgedoc(folder: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "edgedoc", *map(str, arguments)],
        capture_output=True,
        cwd=folder,
        env=_environment(folder, **more),
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with one page."""
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    return tmp_path


def test_pipes_get_utf8_and_no_escape_codes(folder: Path, tiny_artifacts: Artifacts) -> None:
    done = _edgedoc(
        folder, "convert", "page.html", "-m", tiny_artifacts["int8"], PYTHONIOENCODING="cp1252", FORCE_COLOR="1"
    )
    assert done.returncode == 0
    assert done.stdout.decode("utf-8") == "# Grüße — 早上\n\nOne paragraph of text.\n"
    assert b"rules stand in" in done.stderr
    assert not ESCAPE.search(done.stdout + done.stderr)


@pytest.mark.parametrize(("arguments", "code"), [(["chat"], 2), (["verify", "nowhere"], 3)])
def test_errors_go_to_stderr_in_plain_words(folder: Path, arguments: list[str], code: int) -> None:
    done = _edgedoc(folder, *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr and not ESCAPE.search(done.stderr)
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_failure_worth_words(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "edgedoc", "models"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=_environment(folder),
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_behind_the_redirection_is_told(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgedoc", "models"], stdout=full, stderr=subprocess.PIPE, env=_environment(folder)
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"edgedoc: input or output failed") and done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="select waits for sockets only")
def test_a_document_is_sent_off_before_the_next_is_read(folder: Path, tiny_artifacts: Artifacts) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edgedoc", "convert", "page.html", "-", "-m", str(tiny_artifacts["int8"]), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=_environment(folder),
    )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    rest, _ = process.communicate(b"<p>Hi</p>", timeout=60)
    assert ready
    assert [json.loads(line)["source"] for line in rest.splitlines()] == ["page.html", "-"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_an_interrupt_ends_with_130(folder: Path, tiny_artifacts: Artifacts) -> None:
    # Where the test run itself ignores SIGINT, the child would too.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom edgedoc.cli import main\nmain()"
    )
    pages = ["page.html"] * 5000
    arguments = ["convert", *pages, "-m", str(tiny_artifacts["int8"]), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(first)["source"] == "page.html"
    assert all(json.loads(line) for line in rest.splitlines())
    assert len(rest.splitlines()) < 4999
    assert b"Traceback" not in errors


def _on_a_terminal(folder: Path, arguments: list[str], **more: str) -> tuple[int, bytes]:
    pty = pytest.importorskip("pty")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        environment = _environment(folder, TERM="xterm", **more)
        os.execve(sys.executable, [sys.executable, "-m", "edgedoc", *arguments], environment)
    output = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says EIO where others say end of file
            break
        if not piece:
            break
        output += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def test_on_a_terminal_bars_move_on_stderr(folder: Path, checkpoint_folder: Path) -> None:
    code, output = _on_a_terminal(folder, ["export", str(checkpoint_folder), "--quant", "int8", "--out", "made"])
    assert code == 0
    assert ESCAPE.search(output)
    assert b"100%" in output
    assert output.splitlines()[-1].endswith(b"made")


def test_no_color_keeps_a_terminal_plain(folder: Path, checkpoint_folder: Path) -> None:
    arguments = ["export", str(checkpoint_folder), "--quant", "int8", "--out", "made"]
    code, output = _on_a_terminal(folder, arguments, NO_COLOR="1")
    assert code == 0
    assert not ESCAPE.search(output)
    assert output.splitlines() == [b"write ...", b"quantise ...", b"made"]
