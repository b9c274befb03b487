"""Labels asked from a server: its bad days, runs that are killed and go on, and replies of every kind."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat_server import GOOD, Server, completion
from edgedoc.errors import DocumentError, EngineError, OutputError
from edgedoc_bench.annotate import Section, annotate, sections
from edgedoc_bench.annotate_endpoint import Endpoint
from edgedoc_bench.annotate_file import LabelFile


def _endpoint(chat_server: Server, waits: list[float], **options: Any) -> Endpoint:
    return Endpoint(chat_server.url, "large", sleep=waits.append, **options)


def _sections(*texts: str) -> list[Section]:
    return [Section(source="x", index=index, title=None, text=text) for index, text in enumerate(texts)]


def _run(out: Path, ask: Callable[[str], str], *texts: str) -> dict[str, object]:
    with LabelFile(out) as file:
        return annotate(_sections(*texts), ask, file, "large", lambda done, total: None).as_dict()


def _rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def test_the_request_is_the_published_prompt(chat_server: Server, tmp_path: Path) -> None:
    found = _run(tmp_path / "l.jsonl", _endpoint(chat_server, [], api_key="k").ask, "Apples {text} grow.")

    path, headers, body = chat_server.asked[0]
    assert (path, headers["Authorization"], body["model"], body["temperature"]) == (
        "/v1/chat/completions",
        "Bearer k",
        "large",
        0,
    )
    content = body["messages"][0]["content"]
    assert content.splitlines()[:2] == [
        "Generate a five to ten words topic and a one sentence summary for this chunk of text.",
        "# Apples {text} grow. #",
    ]
    assert content.splitlines()[3] == "Please respond in the following format: # Topic: ... Summary: ... #"
    assert found == {"labelled": 1, "known": 0, "failed": 0}
    (row,) = _rows(tmp_path / "l.jsonl")
    assert row["hash"] == hashlib.sha256(b"Apples {text} grow.").hexdigest()
    assert (row["topic"], row["summary"]) == ("Growing of five red apples", "The text says how apples grow.")
    assert (row["text"], row["source"], row["index"], row["model"]) == ("Apples {text} grow.", "x", 0, "large")


def test_failures_are_kept_and_tried_again(chat_server: Server, tmp_path: Path) -> None:
    out = tmp_path / "labels.jsonl"
    chat_server.script = [(400, {}, b"too long"), completion("I cannot do that."), completion(GOOD)]
    ask = _endpoint(chat_server, []).ask

    assert _run(out, ask, "one", "two", "three") == {"labelled": 1, "known": 0, "failed": 2}
    first, second, third = _rows(out)
    assert "too long" in first["error"] and second["reply"] == "I cannot do that." and "topic" in third
    assert _run(out, ask, "one", "two", "three") == {"labelled": 2, "known": 1, "failed": 0}
    assert _run(out, ask, "one", "two", "three") == {"labelled": 0, "known": 3, "failed": 0}
    assert len(chat_server.asked) == 5


def test_the_same_text_is_asked_once(chat_server: Server, tmp_path: Path) -> None:
    assert _run(tmp_path / "l", _endpoint(chat_server, []).ask, "same", "same") == {
        "labelled": 1,
        "known": 1,
        "failed": 0,
    }


def test_a_server_that_is_gone_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    def ask(prompt: str) -> str:
        if "# 0 #" in prompt:
            return GOOD
        raise EngineError("gone")

    with pytest.raises(EngineError, match="run the same command again"):
        _run(tmp_path / "l", ask, *map(str, range(9)))
    assert ["error" in row for row in _rows(tmp_path / "l")] == [False, True, True, True]


@pytest.mark.parametrize("cut", [1, 9, 12, 40, -2])
@pytest.mark.parametrize("zeros", [b"", b"\0\0\0"])
def test_a_last_line_that_was_cut_off_is_repaired(tmp_path: Path, cut: int, zeros: bytes) -> None:
    out = tmp_path / "labels.jsonl"
    _run(out, lambda prompt: GOOD, "one")
    whole = out.read_bytes()
    out.write_bytes(whole + whole.replace(b"one", b"two")[:cut] + zeros)

    assert _run(out, lambda prompt: GOOD, "one", "two") == {"labelled": 1, "known": 1, "failed": 0}
    assert [row["text"] for row in _rows(out)] == ["one", "two"]


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "labels.jsonl"
    _run(out, lambda prompt: GOOD, "one")
    out.write_bytes(out.read_bytes()[:-1])

    assert _run(out, lambda prompt: GOOD, "one", "two") == {"labelled": 1, "known": 1, "failed": 0}
    assert len(_rows(out)) == 2


@pytest.mark.parametrize(
    "content", [b"my notes", b"my notes\n", b'{"a": 1}\n', b"[1]\n", b'{"hash": "x\n{"hash": "y"}\n']
)
def test_somebody_elses_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes").write_bytes(content)

    with pytest.raises(OutputError, match="left as it is"):
        LabelFile(tmp_path / "notes")
    assert (tmp_path / "notes").read_bytes() == content


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="no file that can be gone on with"):
        LabelFile(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        LabelFile(tmp_path / "file" / "labels")


def test_a_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        _run(tmp_path / "l", lambda prompt: GOOD, "one", "two")


def test_any_text_can_be_labelled(tmp_path: Path) -> None:
    out = tmp_path / "l"

    assert _run(out, lambda prompt: GOOD, "\ud800 \x00 {} é")["labelled"] == 1
    assert _rows(out)[0]["text"] == "\ud800 \x00 {} é"
    assert _run(out, lambda prompt: GOOD, "\ud800 \x00 {} é")["known"] == 1


def test_a_killed_run_goes_on(chat_server: Server, tmp_path: Path) -> None:
    chat_server.delay = 0.05
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(12)))
    code = (
        "import sys; from pathlib import Path\n"
        "from edgedoc_bench.annotate import annotate, sections\n"
        "from edgedoc_bench.annotate_endpoint import Endpoint\n"
        "from edgedoc_bench.annotate_file import LabelFile\n"
        "url, source, out = sys.argv[1:]\n"
        "with LabelFile(Path(out)) as file:\n"
        "    annotate([*sections(Path(source))], Endpoint(url, 'm').ask, file, 'm', lambda done, total: None)\n"
    )
    command = [sys.executable, "-c", code, chat_server.url, str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(command, env=environment)
    while len(chat_server.asked) < 4 and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    before = len(_rows(tmp_path / "out.jsonl"))
    assert 0 < before < 12

    chat_server.delay = 0.0
    subprocess.run(command, env=environment, check=True)
    assert sorted(row["text"] for row in _rows(tmp_path / "out.jsonl")) == sorted(f"text {n}" for n in range(12))
    # At most the one that was under way is asked twice.
    assert len(chat_server.asked) <= 13


def test_inputs(tmp_path: Path) -> None:
    rows = [
        {"index": 3, "text": "a chunk", "tokens": 2, "source": "doc"},
        {
            "id": "s",
            "sections": [{"title": "T", "level": 1, "text": "body"}, {"title": "U", "level": 1, "text": "more"}],
        },
        {"id": "b", "sentences": ["One.", "Two.", "Three."], "boundaries": [1, 2]},
        {"source": "doc.md", "chunks": [{"index": 0, "text": "x"}, {"index": 1, "text": "y"}]},
        {"text": " \n"},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "plain.md").write_bytes("# Héad\n\ntext".encode())
    (tmp_path / "article").write_text("========,2,A.\na\n========,2,B.\nb\nc\n")

    def found(name: str) -> list[tuple[str, int, str | None, str]]:
        return [(one.source, one.index, one.title, one.text) for one in sections(tmp_path / name)]

    assert found("in.jsonl") == [
        ("doc", 3, None, "a chunk"),
        ("s", 0, "T", "body"),
        ("s", 1, "U", "more"),
        ("b", 0, None, "One. Two."),
        ("b", 1, None, "Three."),
        ("doc.md", 0, None, "x"),
        ("doc.md", 1, None, "y"),
    ]
    assert found("plain.md") == [("plain.md", 0, None, "# Héad\n\ntext")]
    assert found("article") == [("article", 0, "A", "a"), ("article", 1, "B", "b c")]
    (tmp_path / "other.jsonl").write_text('{"name": 1}')
    with pytest.raises(DocumentError, match="other.jsonl:1 has neither"):
        found("other.jsonl")
    with pytest.raises(DocumentError, match="cannot be read"):
        found("nowhere")
