"""Fixtures shared by several test files; what one file needs stays in that file."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat_server import Server

# Qwen2's splitting rules, as its tokenizer.json states them (https://huggingface.co/Qwen/Qwen2-0.5B).
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORPUS = [
    "<html><body><h1>Hello world</h1><p>The quick brown fox. The lazy dog.</p></body></html>",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|im_end|> im_end im_start",
    "# Hello world\n\nThe quick brown fox.\n\n- one\n- two\n### Input:\n### Response:\n你好世界 héllo",
]


@pytest.fixture(scope="session")
def tokenizer_tables() -> dict[str, Any]:
    """A tiny byte-level BPE tokenizer.json with Qwen2's rules and ChatML's tokens, parsed. Shared: do not change it."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(text, normalized=False, special=True) for text in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
    )
    tables: dict[str, Any] = json.loads(tokenizer.to_str())
    return tables


@pytest.fixture
def tokenizer_file(tokenizer_tables: dict[str, Any], tmp_path: Path) -> Path:
    """The tiny tokenizer of `tokenizer_tables` as a file."""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(tokenizer_tables), "utf-8")
    return path


@pytest.fixture
def artifact_folder(tokenizer_file: Path, tmp_path: Path) -> Path:
    """A well-formed artifact of nano-reader whose model file is eight bytes of nothing."""
    from edgedoc import manifest as m
    from edgedoc.recipes import load_recipe

    recipe = load_recipe("nano-reader")
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(b"GGUF\0\0\0\0")
    (folder / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    (folder / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    m.Manifest(
        edgedoc="0.1.0",
        created="2026-01-01T00:00:00+00:00",
        format=m.Format.GGUF,
        preset="int8",
        model_file="model.gguf",
        source=m.ManifestSource(kind=m.Origin.BUNDLED, id="nano-reader"),
        licence=recipe.licence,
        parameters=1000,
        bits_per_weight=8.5,
        tensor_types={"Q8_0": m.TensorTotals(tensors=2, weights=1000, bytes=1063)},
        files={path.name: m.FileEntry.of(path) for path in sorted(folder.iterdir())},
        tools={"gguf": "0.19.0"},
    ).write(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete qwen2 GGUF in f32 with random weights: 2 layers, hidden 256, vocabulary 320, context 512. Shared."""
    pytest.importorskip("gguf")
    from edgedoc_bench.random_model import write_random_gguf
    from edgedoc_export.qwen2 import Qwen2Config

    shape = Qwen2Config(
        hidden_size=256,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=64,
        intermediate_size=512,
        vocab_size=320,
        rope_theta=1e6,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        max_position_embeddings=512,
    )
    return write_random_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf", shape, "f32")


def _random_reader(folder: Path, config: Any, tokenizer_tables: dict[str, Any], recipe: Any) -> Path:
    """A checkpoint of noise with the tiny tokenizer and a recipe."""
    from edgedoc_export.random_weights import random_checkpoint

    checkpoint = random_checkpoint(config, folder, seed=2, spread=0.08, tokenizer=False)
    (checkpoint / "tokenizer.json").write_text(json.dumps(tokenizer_tables), "utf-8")
    (checkpoint / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    return checkpoint


@pytest.fixture(scope="session")
def tiny_onnx(
    tiny_config: Any, tokenizer_tables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Edge artifacts f32, f16, int8 and int4 of one random checkpoint for 512 tokens. Shared: copy to damage."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from edgedoc.recipes import load_recipe
    from edgedoc_export.build import export

    folder = tmp_path_factory.mktemp("tiny-onnx")
    recipe = replace(load_recipe("nano-reader"), context=512, window=200)
    checkpoint = _random_reader(folder / "checkpoint", tiny_config, tokenizer_tables, recipe)
    return {
        preset: export(checkpoint, format="onnx", preset=preset, out=folder / preset)
        for preset in ("f32", "f16", "int8", "int4")
    }


@pytest.fixture(scope="session")
def standard_onnx(tiny_onnx: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The f32 model of `tiny_onnx` with the standard graph's inputs: positions, no choice of logits. Shared."""
    import shutil

    import onnx

    folder = tmp_path_factory.mktemp("standard")
    for file in (tiny_onnx["f32"] / "onnx").iterdir():
        shutil.copyfile(file, folder / file.name)
    path = folder / "model.onnx"
    model = onnx.load(path, load_external_data=False)
    [knob] = [given for given in model.graph.input if given.name == "num_logits"]
    model.graph.input.remove(knob)
    model.graph.input.append(onnx.helper.make_tensor_value_info("position_ids", onnx.TensorProto.INT64, ["b", "s"]))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="session")
def tiny_config() -> Any:
    """Sizes of a Qwen2 that runs in milliseconds: K-quants fit its rows of 256, and its vocabulary is padded."""
    from edgedoc_export.qwen2 import Qwen2Config

    return Qwen2Config(
        hidden_size=256,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=64,
        intermediate_size=512,
        vocab_size=512,
        rope_theta=2e6,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        max_position_embeddings=1024,
    )


@pytest.fixture(scope="session")
def weighty_config(tiny_config: Any) -> Any:
    """Sizes of a Qwen2 whose weights are felt in a process's memory."""
    sizes = {"hidden_size": 512, "layers": 4, "heads": 8, "intermediate_size": 2048, "vocab_size": 20_000}
    return replace(tiny_config, **sizes, rope_theta=1e6)


@pytest.fixture
def measured_apart() -> Callable[[str, Path], tuple[int, int]]:
    """Runs a script on a model in a process of its own; it prints resident and planned bytes."""

    def measure(script: str, model: Path) -> tuple[int, int]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        child = subprocess.run(
            [sys.executable, "-c", script, str(model)], capture_output=True, text=True, check=True, env=environment
        )
        resident, planned = map(int, child.stdout.split())
        return resident, planned

    return measure


@pytest.fixture
def checkpoint_folder(tiny_config: Any, tokenizer_file: Path, tmp_path: Path) -> Path:
    """A whole checkpoint in BF16 with random weights, the tiny tokenizer and nano-reader's recipe. Yours to damage."""
    import shutil

    from edgedoc.recipes import load_recipe
    from edgedoc_export.random_weights import random_checkpoint

    # A wide spread makes logits differ by units, so that a wrong weight shows.
    folder = random_checkpoint(tiny_config, tmp_path / "checkpoint", seed=1, spread=0.08, tokenizer=False)
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    (folder / "recipe.toml").write_text(load_recipe("nano-reader").to_toml(), "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_artifacts(
    tiny_config: Any, tokenizer_tables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Artifacts f32 and int8 of a random reader that answers with up to 24 tokens of noise. Shared: copy to damage."""
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    from edgedoc.recipes import load_recipe
    from edgedoc_export.build import export

    folder = tmp_path_factory.mktemp("tiny-artifacts")
    recipe = load_recipe("nano-reader")
    decoding = replace(recipe.decoding, max_output_tokens=24)
    recipe = replace(recipe, context=1024, window=400, decoding=decoding)
    checkpoint = _random_reader(folder / "checkpoint", tiny_config, tokenizer_tables, recipe)
    return {preset: export(checkpoint, preset=preset, out=folder / preset, threads=1) for preset in ("f32", "int8")}


@pytest.fixture
def slowdown() -> Callable[[Callable[[int], object], int], float]:
    """`slowdown(work, n)`: how many times the processor time of work(n) work(4 n) takes; 4 is linear, 16 quadratic."""

    def measure(work: Callable[[int], object], size: int) -> float:
        # The least of several: what disturbs a run only ever adds to it. A millisecond hides what cannot matter.
        return _least(work, 4 * size) / max(_least(work, size), 0.001)

    return measure


def _least(work: Callable[[int], object], size: int) -> float:
    times = []
    for _ in range(3):
        started = time.process_time()
        work(size)
        times.append(time.process_time() - started)
    return min(times)


@pytest.fixture
def chat_server() -> Iterator[Server]:
    """A server with OpenAI's chat interface that says GOOD until it is told something else."""
    found = Server()
    yield found
    found.close()
