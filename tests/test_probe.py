"""The child process that tries builds with AMX: asked only for those, believed once, asked again for a new build."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgedoc.engines import probe
from edgedoc.engines.gguf_header import GgufHeader

pytest.importorskip("llama_cpp")

AMX = "CPU : AVX512 = 1 | AMX_INT8 = 1 | REPACK = 1 | "
HEADER = GgufHeader(
    name="m",
    layers=1,
    heads=1,
    kv_heads=1,
    head_dim=64,
    embedding_length=64,
    feed_forward_length=64,
    context_length=64,
    vocab_size=3,
    merges=1,
    file_size=1000,
    tensor_bytes=900,
    tensor_types={"F32": 900},
    embedding_bytes=900,
    tied=True,
)
Children = Callable[[int], list[list[str]]]


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    """Makes every child end with the given code and records the commands."""
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))

    def ending_with(code: int) -> list[list[str]]:
        commands: list[list[str]] = []

        def start(command: list[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
            commands.append(command)
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(subprocess, "run", start)
        return commands

    return ending_with


def test_builds_without_amx_are_not_tried(children: Children) -> None:
    commands = children(-signal.SIGSEGV)
    assert probe.repacking_is_safe("CPU : AVX512 = 1 | REPACK = 1 | ", Path("model.gguf"), HEADER)
    assert commands == []


@pytest.mark.parametrize(("code", "safe"), [(0, True), (-signal.SIGSEGV, False), (1, False)])
def test_the_child_decides_once(children: Children, code: int, safe: bool) -> None:
    commands = children(code)
    for _ in range(3):
        assert probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER) is safe
    assert len(commands) == 1
    assert commands[0][-1] == "model.gguf"


def test_a_new_build_is_tried_anew(children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp.llama_cpp as library

    commands = children(0)
    probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER)
    (tmp_path / "libggml-cpu.so").write_bytes(b"another build")
    monkeypatch.setattr(library, "_base_path", tmp_path)
    probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER)
    assert len(commands) == 2


def test_another_kind_of_model_is_tried_anew(children: Children) -> None:
    """f32 weights survive where 4-bit ones crash: the one says nothing about the other."""
    children(0)
    assert probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER)
    commands = children(-signal.SIGSEGV)
    assert not probe.repacking_is_safe(AMX, Path("model.gguf"), replace(HEADER, tensor_types={"Q4_0": 900}))
    assert len(commands) == 1


def test_a_child_that_hangs_counts_as_unsafe(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", hang)
    assert not probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER)


def test_nowhere_to_remember_is_no_failure(children: Children, tmp_path: Path) -> None:
    commands = children(0)
    (tmp_path / "home").write_text("a file where the folder should be")
    for _ in range(2):
        assert probe.repacking_is_safe(AMX, Path("model.gguf"), HEADER)
    assert len(commands) == 2


def test_the_real_child_runs_a_real_model(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe._survives(tiny_gguf)
    assert not probe._survives(tmp_path / "absent.gguf")
