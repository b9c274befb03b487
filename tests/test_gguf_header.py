"""The GGUF header check: what it reads, and that broken or foreign files end in ArtifactError and nothing else."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedoc.engines.gguf_header import read_header
from edgedoc.errors import ArtifactError

gguf = pytest.importorskip("gguf")


def header_length(data: bytes) -> int:
    """Where tensor data begins in the tiny model: its last tensor information ends with this name."""
    return data.rindex(b"output_norm.weight") + 64


def test_it_reads_what_planning_needs(tiny_gguf: Path) -> None:
    header = read_header(tiny_gguf)
    assert (header.layers, header.heads, header.kv_heads, header.head_dim) == (2, 4, 2, 64)
    assert (header.embedding_length, header.feed_forward_length) == (256, 512)
    assert (header.context_length, header.vocab_size, header.merges) == (512, 320, 1)
    assert header.file_size == tiny_gguf.stat().st_size
    assert header.tensor_types == {"F32": header.tensor_bytes}
    assert header.tensor_bytes == sum(tensor.n_bytes for tensor in gguf.GGUFReader(tiny_gguf).tensors)
    assert header.tied
    assert header.embedding_bytes == 320 * 256 * 4


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    from edgedoc.engines.ggml_types import BLOCKS

    for number, (name, weights, size) in BLOCKS.items():
        kind = gguf.GGMLQuantizationType(number)
        assert (kind.name, gguf.GGML_QUANT_SIZES[kind]) == (name, (weights, size))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04" + bytes(99), b"GGUF" + bytes(99), bytes(4096)])
def test_foreign_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.gguf"):
        read_header(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(ArtifactError, match="cannot be read"):
            read_header(path)


def test_truncated_anywhere(tiny_gguf: Path, tmp_path: Path) -> None:
    """Every length of the whole header, so every structure boundary, and a model short of its last byte."""
    data = tiny_gguf.read_bytes()
    path = tmp_path / "short.gguf"
    path.write_bytes(data)
    for length in [len(data) - 1, len(data) // 2, *range(header_length(data), -1, -1)]:
        os.truncate(path, length)
        with pytest.raises(ArtifactError):
            read_header(path)


def test_flipped_bytes_raise_nothing_else(tiny_gguf: Path, tmp_path: Path) -> None:
    """One byte of the header replaced, 3,000 times: either it still is a sound header or ArtifactError."""
    data = bytearray(tiny_gguf.read_bytes())
    end = header_length(bytes(data))
    path = tmp_path / "flipped.gguf"
    path.write_bytes(data)
    rng = np.random.default_rng(0)
    refused = 0
    with path.open("r+b", buffering=0) as file:
        for place, value in zip(rng.integers(0, end, 3000).tolist(), rng.integers(0, 256, 3000).tolist(), strict=True):
            file.seek(place)
            file.write(bytes([value]))
            try:
                read_header(path)
            except ArtifactError:
                refused += 1
            file.seek(place)
            file.write(data[place : place + 1])
    assert refused > 300
    assert read_header(path) == read_header(tiny_gguf)


HUGE = 2**63 + 5


def counts(tensors: int, keys: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


@pytest.mark.parametrize(
    "header",
    [
        counts(HUGE, 1),
        counts(1, HUGE),
        counts(0, 1) + struct.pack("<Q", HUGE) + b"key",
        counts(0, 1) + text(b"k") + struct.pack("<IQ", 8, HUGE),
        counts(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 8, HUGE),
        counts(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 4, HUGE),
        counts(0, 1) + text(b"k") + struct.pack("<IIQ", 9, 8, 1 << 20),
        counts(0, 1) + text(b"k") + struct.pack("<IIQIQ", 9, 9, 1, 9, 1),
        counts(0, 1) + text(b"k") + struct.pack("<I", 77),
        counts(0, 1) + text(b"\xff\xfe") + struct.pack("<IB", 0, 0),
        counts(0, 2) + 2 * (text(b"k") + struct.pack("<IB", 0, 0)),
    ],
)
def test_hostile_headers(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(header + bytes(256))
    with pytest.raises(ArtifactError):
        read_header(path)


def test_other_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 2, 0, 0))
    with pytest.raises(ArtifactError, match="version 2"):
        read_header(path)


Change = Callable[[Any], None]


def write(path: Path, *, architecture: str = "qwen2", leave_out: str = "", change: Change | None = None) -> Path:
    """A one-tensor model with every key the check wants, `change` applied before it is written."""
    writer = gguf.GGUFWriter(path, architecture)
    keys: dict[str, Change] = {
        "block_count": lambda w: w.add_block_count(1),
        "context_length": lambda w: w.add_context_length(64),
        "embedding_length": lambda w: w.add_embedding_length(64),
        "feed_forward_length": lambda w: w.add_feed_forward_length(64),
        "head_count": lambda w: w.add_head_count(1),
        "model": lambda w: w.add_tokenizer_model("gpt2"),
        "tokens": lambda w: w.add_token_list(["a", "b", "c"]),
        "merges": lambda w: w.add_token_merges(["a b"]),
        "tensor": lambda w: w.add_tensor("token_embd.weight", np.zeros((3, 64), np.float32)),
    }
    keys.pop(leave_out, None)
    for add in keys.values():
        add(writer)
    if change is not None:
        change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_smallest_model_passes(tmp_path: Path) -> None:
    assert read_header(write(tmp_path / "m.gguf")).vocab_size == 3


@pytest.mark.parametrize(
    "missing",
    [
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "head_count",
        "model",
        "tokens",
        "merges",
        "tensor",
    ],
)
def test_missing_parts(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ArtifactError):
        read_header(write(tmp_path / "m.gguf", leave_out=missing))


def test_other_architecture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="llama"):
        read_header(write(tmp_path / "m.gguf", architecture="llama"))


@pytest.mark.parametrize(
    ("leave_out", "change"),
    [
        ("block_count", lambda w: w.add_block_count(0)),
        ("block_count", lambda w: w.add_block_count(513)),
        ("block_count", lambda w: w.add_float32("qwen2.block_count", 1.0)),
        ("context_length", lambda w: w.add_context_length(0)),
        ("head_count", lambda w: w.add_head_count(0)),
        ("head_count", lambda w: w.add_head_count(3)),
        ("head_count", lambda w: w.add_array("qwen2.attention.head_count", [1])),
        ("", lambda w: w.add_head_count_kv(2)),
        ("", lambda w: w.add_key_length(128)),
        ("", lambda w: w.add_token_scores([0.0, 0.0])),
        ("", lambda w: w.add_array("tokenizer.ggml.token_type", [1.0, 1.0, 1.0])),
        ("", lambda w: w.add_uint16("split.count", 2)),
        ("model", lambda w: w.add_tokenizer_model("llama")),
        ("tokens", lambda w: w.add_token_list(["a", "b"])),
        ("tensor", lambda w: w.add_tensor("token_embd.weight", np.zeros((3, 32), np.float32))),
        ("tensor", lambda w: w.add_tensor("token_embd.weight", np.zeros((3, 64), np.int32))),
    ],
)
def test_absurd_values(tmp_path: Path, leave_out: str, change: Change) -> None:
    with pytest.raises(ArtifactError):
        read_header(write(tmp_path / "m.gguf", leave_out=leave_out, change=change))


def test_overlapping_tensors(tmp_path: Path) -> None:
    """The second tensor's offset set back into the first; the type 0 (f32) before it marks the place."""
    path = write(tmp_path / "m.gguf", change=lambda w: w.add_tensor("more", np.zeros(64, np.float32)))
    data = path.read_bytes()
    offset = data.index(text(b"more")) + 8 + 4 + 4 + 8 + 4
    assert struct.unpack_from("<Q", data, offset) == (3 * 64 * 4,)
    for wrong in (0, 3 * 64 * 4 - 32, 3 * 64 * 4 + 1, 1 << 40, HUGE):
        path.write_bytes(data[:offset] + struct.pack("<Q", wrong) + data[offset + 8 :])
        with pytest.raises(ArtifactError):
            read_header(path)
