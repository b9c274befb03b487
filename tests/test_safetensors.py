"""safetensors files: exact values, bounded reading, and every lie a header can tell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedoc.errors import CheckpointError
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import ITEM_BYTES, STORAGE, Dtype, convert, narrow, widen
from edgedoc_export.safetensors import read_header

EMBEDDING = "model.embed_tokens.weight"


def edit_header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    return str(caught.value)


def test_large_tensors_come_in_slabs(checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Checkpoint.open(checkpoint_folder).read_raw(EMBEDDING)
    monkeypatch.setattr("edgedoc_export.safetensors.SLAB_BYTES", 3000)
    slabs = list(Checkpoint.open(checkpoint_folder).slabs(EMBEDDING))
    assert max(slab.nbytes for slab in slabs) <= 3000
    assert np.array_equal(np.concatenate(slabs), whole)


@pytest.mark.parametrize("target", ["F32", "F16", "BF16"])
def test_float_conversions_round_to_nearest_even(target: Dtype) -> None:
    values = np.array([0, -0.0, 1, 1 + 2**-8, 1 + 3 * 2**-8, -3.14159, 1e-30, 65504, 2**-133], np.float32)
    stored = narrow(values, target)
    assert stored.dtype == STORAGE[target]
    assert stored.itemsize == ITEM_BYTES[target]
    assert np.array_equal(narrow(widen(stored, target), target), stored)
    if target == "BF16":
        # 1 + 2^-8 lies half way between 1 and 1 + 2^-7: the even one is 1; 1 + 3 * 2^-8 goes up to 1 + 2^-6.
        assert widen(stored, target)[2:5].tolist() == [1.0, 1.0, 1 + 2**-6]


def test_converting_to_the_same_type_copies_nothing() -> None:
    values = np.ones(4, np.uint16)
    assert convert(values, "BF16", "BF16") is values


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 20_000, -1])
def test_truncated_files(checkpoint_folder: Path, kept: int) -> None:
    path = checkpoint_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    message = refused(path)
    assert "cut off" in message
    assert str(path) in message


def test_a_file_that_shrinks_while_it_is_read(checkpoint_folder: Path) -> None:
    checkpoint = Checkpoint.open(checkpoint_folder)
    path = checkpoint_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="ends inside model.embed_tokens.weight"):
        checkpoint.read(EMBEDDING)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"dtype": "I8"}, "has type I8"),
        ({"dtype": "F64"}, "has type F64"),
        ({"shape": [256, 0]}, "impossible shape"),
        ({"shape": []}, "impossible shape"),
        ({"shape": [-1]}, "impossible shape"),
        ({"shape": [1 << 60]}, "does not take"),
        ({"data_offsets": [8, 4]}, "impossible position"),
        ({"data_offsets": [0, 512]}, "overlaps another"),
        ({"data_offsets": [1 << 70, (1 << 70) + 512]}, "overlaps another or leaves a hole"),
    ],
)
def test_hostile_headers(checkpoint_folder: Path, entry: dict[str, object], expected: str) -> None:
    path = checkpoint_folder / "model.safetensors"
    edit_header(path, lambda header: header["model.norm.weight"].update(entry))
    assert expected in refused(path)


def test_header_with_a_duplicate_key_or_nonsense(checkpoint_folder: Path) -> None:
    path = checkpoint_folder / "model.safetensors"
    data = path.read_bytes()
    for text, expected in (
        (b'{"a":{},"a":{}}', "occurs twice"),
        (b'{"a":{}}', "no proper description"),
        (b"[" * 50_000, "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"{}", "belong to no tensor"),
    ):
        path.write_bytes(len(text).to_bytes(8, "little") + text + data)
        assert expected in refused(path)
    path.write_bytes((9 << 20).to_bytes(8, "little") + bytes(9 << 20))
    assert "the limit is" in refused(path)
