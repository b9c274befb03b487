"""Presets are what they claim, llama.cpp's quantiser stays quiet, and a file cut short does not pass for a model."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedoc.errors import EngineError, UsageError
from edgedoc.recipes import Identity, list_recipes, load_recipe
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.gguf import write_gguf
from edgedoc_export.naming import PATTERN, file_name
from edgedoc_export.presets import CALIBRATED, FOUR_BITS, MIXTURES, Quantisation, encoding, plan, preset_names
from edgedoc_export.quantize import quantize
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.random_weights import READER_LM_05B
from edgedoc_export.tensor_types import bits_per_weight, read_tensor_table, tensor_types

READER_LM_15B = replace(READER_LM_05B, hidden_size=1536, layers=28, heads=12, head_dim=128, intermediate_size=8960)


@pytest.fixture
def float_gguf(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint as a bf16 GGUF, ready to be quantised."""
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    path = tmp_path / "float.gguf"
    write_gguf(Checkpoint.open(checkpoint_folder), checkpoint_folder, load_recipe("nano-reader"), path, "bf16")
    return path


def quantised(preset: str, config: Qwen2Config) -> Quantisation:
    planned = plan(preset, config)
    assert isinstance(planned, Quantisation)
    return planned


@pytest.mark.parametrize("preset", ["int8", "int4", *MIXTURES])
def test_every_preset_makes_a_file_of_its_type(
    float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config, preset: str
) -> None:
    wanted = quantised(preset, tiny_config)
    out = tmp_path / "out.gguf"
    quantize(float_gguf, out, wanted, threads=1)
    totals = tensor_types(out)
    assert sum(total.weights for total in totals.values()) == tiny_config.parameters
    assert out.stat().st_size < float_gguf.stat().st_size
    assert totals["F32"].tensors == 2 * 5 + 1
    gguf = pytest.importorskip("gguf")
    file_type = gguf.GGUFReader(out).fields["general.file_type"].contents()
    assert gguf.LlamaFileType(file_type).name == f"MOSTLY_{wanted.encoding}"


def test_int8_is_q8_0_everywhere(float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config) -> None:
    quantize(float_gguf, tmp_path / "out.gguf", quantised("int8", tiny_config), threads=1)
    table = read_tensor_table(tmp_path / "out.gguf")
    assert {kind for kind, shape in table.values() if len(shape) == 2} == {"Q8_0"}


def test_int4_takes_the_type_that_fits_each_matrix(
    tmp_path: Path, checkpoint_folder: Path, tiny_config: Qwen2Config
) -> None:
    """Rows of 192 cannot be K-quants, rows of 512 can: both occur at reader-lm's shapes too (896 and 4864)."""
    pytest.importorskip("llama_cpp")
    from edgedoc_export.random_weights import random_checkpoint

    config = replace(tiny_config, hidden_size=192, heads=3, kv_heads=1)
    folder = random_checkpoint(config, tmp_path / "odd", seed=0, tokenizer=False)
    (folder / "tokenizer.json").write_bytes((checkpoint_folder / "tokenizer.json").read_bytes())
    write_gguf(Checkpoint.open(folder), folder, load_recipe("nano-reader"), tmp_path / "float.gguf", "bf16")
    quantize(tmp_path / "float.gguf", tmp_path / "out.gguf", quantised("int4", config), threads=1)
    table = read_tensor_table(tmp_path / "out.gguf")
    assert table["blk.0.attn_q.weight"][0] == "Q4_0"
    assert table["blk.1.ffn_up.weight"][0] == "Q4_0"
    assert table["blk.1.ffn_down.weight"][0] == "Q4_K"


@pytest.mark.parametrize(
    ("config", "embedding", "body", "overrides"),
    [
        (READER_LM_05B, "Q5_0", "Q4_0", ((r"\.ffn_down\.weight$", "Q4_K"),)),
        (READER_LM_15B, "Q6_K", "Q4_K_S", ()),
    ],
)
def test_int4_at_the_real_shapes(
    config: Qwen2Config, embedding: str, body: str, overrides: tuple[tuple[str, str], ...]
) -> None:
    wanted = quantised("int4", config)
    assert (wanted.embedding, wanted.encoding, wanted.overrides) == (embedding, body, overrides)


def test_int4_stays_within_its_bits(float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config) -> None:
    quantize(float_gguf, tmp_path / "out.gguf", quantised("int4", tiny_config), threads=1)
    assert 4.5 <= bits_per_weight(tensor_types(tmp_path / "out.gguf")) <= FOUR_BITS


def test_quantised_weights_are_near_the_originals(float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config) -> None:
    gguf = pytest.importorskip("gguf")

    def weights(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
        tensor = tensors["blk.1.ffn_gate.weight"]
        found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = gguf.dequantize(tensor.data, tensor.tensor_type)
        return found

    original = weights(float_gguf)
    for preset, bound in (("int8", 0.01), ("int4", 0.09)):
        quantize(float_gguf, tmp_path / preset, quantised(preset, tiny_config), threads=1)
        error = np.sqrt(((weights(tmp_path / preset) - original) ** 2).mean() / (original**2).mean())
        assert error < bound


def test_progress_counts_every_tensor_and_nothing_is_printed(
    float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, int, int]] = []
    wanted = quantised("int4", tiny_config)
    quantize(float_gguf, tmp_path / "out.gguf", wanted, threads=1, progress=lambda *step: seen.append(step))
    assert seen == [("quantise", number, 26) for number in range(1, 27)]
    assert capfd.readouterr() == ("", "")


def test_llama_cpp_is_quoted_when_it_refuses(float_gguf: Path, tmp_path: Path) -> None:
    needs_calibration = Quantisation(encoding="IQ2_XS", ftype=20, uniform=False)
    with pytest.raises(EngineError, match="imatrix"):
        quantize(float_gguf, tmp_path / "out.gguf", needs_calibration, threads=1)


@pytest.mark.parametrize("limit", [10_000, 200_000, -1])
def test_a_full_disk_is_noticed(float_gguf: Path, tmp_path: Path, tiny_config: Qwen2Config, limit: int) -> None:
    """A file size limit makes writes fail as a full disk does. In a process of its own: the limit cannot be lifted."""
    pytest.importorskip("resource")
    if limit < 0:
        # The last byte: it leaves a buffer when the stream is closed, and nobody asks how that went.
        quantize(float_gguf, tmp_path / "whole.gguf", quantised("int8", tiny_config), threads=1)
        limit += (tmp_path / "whole.gguf").stat().st_size
    program = f"""
import resource
from pathlib import Path
from edgedoc.errors import OutputError
from edgedoc_export.presets import Quantisation
from edgedoc_export.quantize import quantize
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    quantize(Path({str(float_gguf)!r}), Path({str(tmp_path / "out.gguf")!r}),
             Quantisation(encoding="Q8_0", ftype=7, uniform=True), threads=1)
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=_environment(), check=False
    )
    assert "not written to its end" in done.stdout, done.stderr


def test_unknown_presets_get_a_suggestion(tiny_config: Qwen2Config) -> None:
    with pytest.raises(UsageError, match="Did you mean 'q4_k_m'"):
        plan("q4_km", tiny_config)
    with pytest.raises(UsageError, match="Known presets: f32"):
        plan("zstd", tiny_config)
    for name in CALIBRATED:
        with pytest.raises(UsageError, match="importance matrix"):
            plan(name, tiny_config)


def test_file_names_follow_ggmls_scheme(tiny_config: Qwen2Config) -> None:
    names = [file_name(r.identity, encoding(plan(p, tiny_config))) for r in list_recipes() for p in preset_names()]
    assert "reader-lm-0.5B-v1.0-Q4_K_M.gguf" in names
    assert "text-seg-lm-qwen2-0.5B-topic-chunking-v1.0-F16.gguf" in names
    assert all(PATTERN.match(name) for name in names)


@pytest.mark.parametrize(
    "identity",
    [
        Identity(basename="reader-lm", size_label="0.5b", version="1.0"),
        Identity(basename="../reader", size_label="0.5B", version="v1.0"),
        Identity(basename="reader_lm", size_label="0.5B", version="v1.0"),
        Identity(basename="- " * 40, size_label="0.5B", version="v1.0"),
    ],
)
def test_identities_outside_the_scheme_are_refused(identity: Identity) -> None:
    with pytest.raises(UsageError, match="naming scheme"):
        file_name(identity, "Q8_0")


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
