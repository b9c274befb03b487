"""Documents in and results out: what is refused, and that a destination is whole or as it was."""

import errno
import io
import os
import stat
import sys
from pathlib import Path

import pytest

from edgedoc import files
from edgedoc.errors import DocumentError, OutputError


def test_reads_files_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_bytes(b"\xff\x00page")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xfepiped")))

    assert files.read(str(tmp_path / "page.html")) == b"\xff\x00page"
    assert files.read("-") == b"\xfepiped"


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        files.read(str(tmp_path / "nothing.html"))
    with pytest.raises(DocumentError, match="is a folder"):
        files.read(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/page.html", "page.md"),
        ("page.htm", "page.md"),
        ("page", "page.md"),
        ("a.b.html", "a.b.md"),
        ("-", "stdin.md"),
    ],
)
def test_results_are_named_after_their_source(source: str, name: str, tmp_path: Path) -> None:
    assert files.destination(source, tmp_path, ".md", many=False) == tmp_path / name
    assert files.destination(source, tmp_path / "new", ".md", many=True) == tmp_path / "new" / name
    assert files.destination(source, tmp_path / "new.md", ".md", many=False) == tmp_path / "new.md"


def test_chunks_lie_beside_their_markdown_and_nothing_replaces_its_source(tmp_path: Path) -> None:
    assert files.destination("a/page.md", tmp_path, ".chunks.jsonl", many=True) == tmp_path / "page.chunks.jsonl"
    assert files.destination("page.md", tmp_path, ".md", many=True) == tmp_path / "page.md.md"


def test_writes_utf8_with_unix_line_ends_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "page.md"
    files.write(path, "# ü\n\ntext\n")

    assert path.read_bytes() == "# ü\n\ntext\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["page.md"]


def test_results_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "page.md", "x")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "page.md").stat().st_mode) == 0o640


def test_lone_surrogates_do_not_stop_a_result(tmp_path: Path) -> None:
    files.write(tmp_path / "page.md", "a\ud800b")

    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "a?b"


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".md")
    files.write(path, "x")

    assert path.read_text(encoding="utf-8") == "x"


def test_devices_stay_devices() -> None:
    files.write(Path(os.devnull), "x")

    assert not Path(os.devnull).is_file()


def test_a_destination_that_cannot_be_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    for path in (tmp_path / "file" / "page.md", tmp_path):
        with pytest.raises(OutputError, match="Choose another place with --out"):
            files.write(path, "text")


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_at_any_step_leaves_what_was_there(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "page.md"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)

    with pytest.raises(OutputError, match="No space left"):
        files.write(path, "new")
    assert [(entry.name, entry.read_text(encoding="utf-8")) for entry in tmp_path.iterdir()] == [("page.md", "old")]


def test_an_interrupt_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "page.md"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", interrupt)

    with pytest.raises(KeyboardInterrupt):
        files.write(path, "new")
    assert [(entry.name, entry.read_text(encoding="utf-8")) for entry in tmp_path.iterdir()] == [("page.md", "old")]
