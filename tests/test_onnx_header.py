"""The ONNX header: what planning reads from a model, and that no file, however broken, gets further than a message."""

import math
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.engines import protobuf
from edgedoc.engines.onnx_header import OnnxHeader, read_header
from edgedoc.engines.protobuf import Span, Walker, WireError
from edgedoc.errors import ArtifactError

onnx = pytest.importorskip("onnx")

Damage = Callable[[Any], None]


def model_file(folder: Path) -> Path:
    return next((folder / "onnx").glob("*.onnx"))


@pytest.fixture
def copied(tiny_onnx: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the f32 model and its data, to damage."""
    for file in (tiny_onnx["f32"] / "onnx").iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path / "model.onnx"


def change(path: Path, damage: Damage) -> Path:
    model = onnx.load(path, load_external_data=False)
    damage(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_sizes_of_every_preset(tiny_onnx: dict[str, Path]) -> None:
    headers = {preset: read_header(model_file(folder)) for preset, folder in tiny_onnx.items()}
    for preset, header in headers.items():
        path = model_file(tiny_onnx[preset])
        assert header == OnnxHeader(
            in_place=True,
            position_ids=False,
            layers=2,
            kv_heads=2,
            head_dim=64,
            vocab_size=512,
            hidden_size=256,
            width=header.width,
            context_length=512,
            file_size=path.stat().st_size,
            data_bytes=Path(f"{path}_data").stat().st_size,
            lookup_bytes=header.lookup_bytes,
            tied_bytes=header.tied_bytes,
            scale_bytes=header.scale_bytes,
            widened_bytes=header.widened_bytes,
            widest_bytes=header.widest_bytes,
            mapped=header.mapped,
        )
        # The widest is gate and up, multiplied apart or as one matrix.
        assert header.width in (512, 1024)
    assert headers["f32"].scale_bytes == headers["int8"].scale_bytes == 0
    model = onnx.load(model_file(tiny_onnx["int4"]), load_external_data=False)
    scales = {node.input[2] for node in model.graph.node if node.op_type == "MatMulNBits"}
    counted = [4 * math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.name in scales]
    assert headers["int4"].scale_bytes == sum(counted) > 0
    assert headers["f32"].mapped == headers["int8"].mapped == ()
    factors = {name for node in model.graph.node if node.op_type == "MatMulNBits" for name in node.input[2:4]}
    assert {tensor.name for tensor in headers["int4"].mapped} == {*factors, "model.embed_tokens.rows"}


def test_float16_weights_are_counted_as_what_becomes_of_them(tiny_onnx: dict[str, Path], tiny_config: Any) -> None:
    """The table, which is tied, is cast for the head and looked up in as it is."""
    half, whole = (read_header(model_file(tiny_onnx[preset])) for preset in ("f16", "f32"))
    vectors = 2 * (2 * 256 + 512) + 256
    assert half.widened_bytes == 2 * (tiny_config.parameters - vectors)
    assert half.widest_bytes == 512 * 256 * 2
    assert (half.lookup_bytes, half.tied_bytes) == (0, 0)
    assert (half.width, half.hidden_size) == (whole.width, whole.hidden_size)
    assert (whole.widened_bytes, whole.widest_bytes) == (0, 0)


def test_a_table_that_is_only_looked_up_in(tiny_onnx: dict[str, Path], copied: Path) -> None:
    """The tied table of f32 is multiplied with as well; given one of its own to look up in, the new one is not."""
    tied = read_header(copied)
    assert (tied.lookup_bytes, tied.tied_bytes) == (0, 512 * 256 * 4)

    def untie(model: Any) -> None:
        [table] = [tensor for tensor in model.graph.initializer if tensor.name == "model.embed_tokens.weight"]
        copy = model.graph.initializer.add()
        copy.CopyFrom(table)
        copy.name = "copy"
        next(entry for entry in copy.external_data if entry.key == "offset").value = "8"
        next(node for node in model.graph.node if node.op_type == "Gather" and table.name in node.input).input[0] = (
            "copy"
        )

    untied = read_header(change(copied, untie))
    assert (untied.lookup_bytes, untied.tied_bytes) == (512 * 256 * 4, 0)


def test_the_standard_graph(standard_onnx: Path, tiny_onnx: dict[str, Path]) -> None:
    own = read_header(model_file(tiny_onnx["f32"]))
    standard = read_header(standard_onnx)
    assert standard == replace(own, in_place=False, position_ids=True, file_size=standard.file_size)


def test_the_shorter_of_rotary_cache_and_metadata(copied: Path) -> None:
    def state(length: str) -> Damage:
        def damage(model: Any) -> None:
            onnx.helper.set_model_props(model, {"edgedoc.context": length})

        return damage

    assert read_header(change(copied, state("300"))).context_length == 300
    assert read_header(change(copied, state("9000"))).context_length == 512
    assert read_header(change(copied, state("many"))).context_length == 512
    with pytest.raises(ArtifactError, match="context is 0"):
        read_header(change(copied, state("0")))


def test_data_missing_or_cut_short(copied: Path) -> None:
    data = copied.with_name("model.onnx_data")
    whole = data.read_bytes()
    data.write_bytes(whole[:-4096])
    with pytest.raises(ArtifactError, match=rf"model.onnx_data has {len(whole) - 4096} bytes .*whole folder"):
        read_header(copied)
    data.unlink()
    with pytest.raises(ArtifactError, match="model.onnx_data is missing.*whole folder"):
        read_header(copied)


@pytest.mark.parametrize("place", ["../model.onnx_data", "/etc/passwd", "..", "", "a\\b", "sub/data"])
def test_weights_are_read_from_beside_the_model_only(copied: Path, place: str) -> None:
    def elsewhere(model: Any) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.external_data)
        next(entry for entry in tensor.external_data if entry.key == "location").value = place

    with pytest.raises(ArtifactError, match="not a file beside it"):
        read_header(change(copied, elsewhere))


def first_weight(model: Any) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.external_data)


def rename_input(name: str, new: str) -> Damage:
    def damage(model: Any) -> None:
        next(given for given in model.graph.input if given.name == name).name = new

    return damage


def half_cache(model: Any) -> None:
    for given in (*model.graph.input, *model.graph.output):
        given.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def other_heads(model: Any) -> None:
    next(given for given in model.graph.input if given.name.endswith("0.key")).type.tensor_type.shape.dim[
        1
    ].dim_value = 4


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda model: model.ClearField("graph"), "no graph"),
        (rename_input("input_ids", "pixel_values"), "unknown inputs pixel_values"),
        (rename_input("past_key_values.1.key", "past_key_values.2.key"), "without a gap"),
        (lambda model: model.graph.output.pop(), "its output|no input_ids"),
        (lambda model: first_weight(model).dims.append(1 << 40), "has type"),
        (lambda model: first_weight(model).dims.append(3), "its shape needs"),
        (lambda model: setattr(first_weight(model), "data_type", 99), "has type 99"),
        (half_cache, "not float32"),
        (other_heads, "differ in shape"),
    ],
)
def test_what_is_refused(copied: Path, damage: Damage, reason: str) -> None:
    with pytest.raises(ArtifactError, match=reason):
        read_header(change(copied, damage))


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    for content in (b"", b"GGUF", b"PK\x03\x04" + bytes(500), b"\x3a\xff\xff\xff\xff\x0f" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="Export or copy it again"):
            read_header(path)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_header(tmp_path / "absent.onnx")
    with pytest.raises(ArtifactError):
        read_header(tmp_path)


def test_random_damage_never_escapes(copied: Path) -> None:
    """2,000 files with bytes changed, cut out or doubled: a header or an ArtifactError, nothing else."""
    good = copied.read_bytes()
    generator = random.Random(3)
    outcomes: set[type] = set()
    for _ in range(2_000):
        broken = bytearray(good)
        for _ in range(generator.randrange(1, 4)):
            place = generator.randrange(len(broken))
            if generator.random() < 0.7:
                broken[place] = generator.randrange(256)
            else:
                broken[place:place] = broken[place : place + generator.randrange(40)]
        copied.write_bytes(broken[: generator.randrange(len(broken))] if generator.random() < 0.2 else broken)
        try:
            outcomes.add(type(read_header(copied)))
        except ArtifactError as error:
            outcomes.add(type(error))
    assert outcomes == {OnnxHeader, ArtifactError}


def test_the_walk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 1000)
    flood = b"\x08\x01" * 1001
    with pytest.raises(WireError, match="more than 1,000 fields"):
        list(Walker(flood).fields(Span(0, len(flood))))
    with pytest.raises(WireError, match="ten bytes"):
        list(Walker(b"\xff" * 50).fields(Span(0, 50)))
    with pytest.raises(WireError, match="ends early"):
        list(Walker(b"\x0a\x05abc").fields(Span(0, 5)))
    with pytest.raises(WireError, match="longer than"):
        Walker(b"x" * 5000).text(Span(0, 5000))


def test_integers_packed_and_one_by_one() -> None:
    data = b"\x0a\x03\x01\x80\x01" + b"\x08\x07"
    walker = Walker(data)
    packed, single = walker.fields(Span(0, len(data)))
    assert walker.integers(packed) == [1, 128]
    assert walker.integers(single) == [7]
