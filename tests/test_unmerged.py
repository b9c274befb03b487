"""Adapters beside their base: one artifact, several models, each what merging it would have given."""

import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adapter_files import write_adapter
from edgedoc import engines
from edgedoc.artifact import Artifact
from edgedoc.engines.base import Feed
from edgedoc.engines.gguf_adapter import adapter_bytes
from edgedoc.engines.llama import LlamaEngine
from edgedoc.errors import ArtifactError, EngineError, NotEnoughMemoryError, UsageError
from edgedoc.manifest import Manifest
from edgedoc.recipes import load_recipe
from edgedoc_export.build import export
from edgedoc_export.dtypes import narrow
from edgedoc_export.qwen2 import Qwen2Config
from llama_reference import LlamaModel

pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

SHAPES = {
    **{f"self_attn.{name}_proj": (size, 256) for name, size in (("q", 256), ("k", 128), ("v", 128), ("o", 256))},
    **{"mlp.gate_proj": (512, 256), "mlp.up_proj": (512, 256), "mlp.down_proj": (256, 512)},
}
TOKENS = np.random.default_rng(0).integers(0, 512, 96).tolist()


def make_adapter(folder: Path, seed: int, recipe: str, **config: object) -> Path:
    """A LoRA in bf16 over every matrix of both layers, strong enough to change what the model says."""
    generator = np.random.default_rng(seed)
    options = {"r": 4, "lora_alpha": 6, "target_modules": "all-linear", **config}
    parts = {}
    for layer in range(2):
        for name, (outputs, inputs) in SHAPES.items():
            rank = 2 if options.get("rank_pattern") and name.endswith("q_proj") else 4
            a, b = (generator.standard_normal(size, np.float32) * 0.1 for size in ((rank, inputs), (outputs, rank)))
            parts[f"model.layers.{layer}.{name}"] = {"lora_A": narrow(a, "BF16"), "lora_B": narrow(b, "BF16")}
    write_adapter(folder, options, parts)
    (folder / "recipe.toml").write_text(replace(load_recipe(recipe), context=1024, window=400).to_toml(), "utf-8")
    return folder


@pytest.fixture(scope="module")
def sources(
    tiny_config: Qwen2Config, tokenizer_tables: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Path]]:
    """A base with nano-reader's recipe and two chunkers over it. Shared."""
    from edgedoc_export.random_weights import random_checkpoint

    folder = tmp_path_factory.mktemp("family")
    base = random_checkpoint(tiny_config, folder / "base", seed=2, spread=0.08, tokenizer=False)
    (base / "tokenizer.json").write_text(json.dumps(tokenizer_tables), "utf-8")
    (base / "recipe.toml").write_text(replace(load_recipe("nano-reader"), context=1024).to_toml(), "utf-8")
    patterns = {"use_rslora": True, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"down_proj": 1}}
    return base, [
        make_adapter(folder / "simple", 1, "text-seg-lm-simple"),
        make_adapter(folder / "topic", 2, "text-seg-lm-topic", **patterns),
    ]


@pytest.fixture(scope="module")
def family(sources: tuple[Path, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The unmerged artifact of `sources` in f32 and int4. Shared: copy to damage."""
    base, adapters = sources
    folder = tmp_path_factory.mktemp("unmerged")
    return {
        preset: export(base, adapter=adapters, unmerged=True, preset=preset, out=folder / preset, threads=1)
        for preset in ("f32", "int4")
    }


def logits(artifact: Artifact) -> NDArray[np.float32]:
    engine = engines.load(artifact, threads=1, context_length=256)
    try:
        return engine.extend(TOKENS, len(TOKENS))
    finally:
        engine.close()


def test_one_folder_holds_the_base_and_its_adapters(family: dict[str, Path]) -> None:
    artifact = Artifact.open(family["int4"])
    artifact.check()
    assert (artifact.recipe.name, artifact.adapter_path) == ("nano-reader", None)
    entries = artifact.manifest.adapters
    assert entries is not None
    assert list(entries) == ["text-seg-lm-simple", "text-seg-lm-topic"]
    assert entries["text-seg-lm-simple"].file == "adapters/text-seg-lm-simple.gguf"
    assert entries["text-seg-lm-simple"].source.adapter == "LoRA of rank 4"
    assert entries["text-seg-lm-simple"].parameters == 4 * 2 * sum(map(sum, SHAPES.values()))
    one = artifact.adapted("text-seg-lm-topic")
    assert (one.recipe.name, one.adapter_path) == ("text-seg-lm-topic", family["int4"] / entries[one.recipe.name].file)
    assert artifact.adapted("simple").recipe.mode == "simple"


def test_what_is_not_in_it_is_named(family: dict[str, Path], artifact_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no adapters for 'summary'.*text-seg-lm-simple \(simple\)"):
        Artifact.open(family["f32"]).adapted("summary")
    with pytest.raises(UsageError, match="holds no adapters, only nano-reader"):
        Artifact.open(artifact_folder).adapted("simple")


@pytest.mark.parametrize("number", [0, 1])
def test_logits_are_those_of_the_merged_model(
    sources: tuple[Path, list[Path]], family: dict[str, Path], tmp_path: Path, number: int
) -> None:
    base, adapters = sources
    merged = Artifact.open(export(base, adapter=adapters[number], preset="f32", out=tmp_path / "merged", threads=1))
    one = Artifact.open(family["f32"]).adapted(merged.recipe.name)
    with LlamaModel(merged.model_path) as model:
        expected = model.logits(TOKENS)
    with LlamaModel(one.model_path, adapter=one.adapter_path) as model:
        found = model.logits(TOKENS)
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= 1e-3 * largest
    # The engine keeps its cache in f16, and so is a little further away.
    assert np.abs(logits(one) - expected).max() <= 1e-2 * largest
    assert np.abs(logits(Artifact.open(family["f32"])) - expected).max() > 0.1 * largest


def test_a_four_bit_base_serves_them(family: dict[str, Path]) -> None:
    base = Artifact.open(family["int4"])
    with LlamaModel(Artifact.open(family["f32"]).model_path) as model:
        full = model.logits(TOKENS)
    answers = [logits(artifact) for artifact in (base, base.adapted("simple"), base.adapted("topic"))]
    assert np.corrcoef(answers[0].ravel(), full.ravel())[0, 1] > 0.9
    for one in (answers[1], answers[2]):
        assert np.corrcoef(one.ravel(), full.ravel())[0, 1] < 0.9


def test_its_memory_is_counted(family: dict[str, Path]) -> None:
    one = Artifact.open(family["int4"]).adapted("simple")
    assert one.adapter_path is not None
    extra = adapter_bytes(one.adapter_path)
    assert extra == 2 * 4 * 2 * sum(map(sum, SHAPES.values()))  # f16
    # With the smallest cache there is, so that nothing can give way.
    engine = LlamaEngine.load(one.model_path, context_length=256, threads=1, kv_type="q8_0")
    limit = engine.plan.total + extra - 1
    engine.close()
    with pytest.raises(NotEnoughMemoryError):
        engines.load(one, context_length=256, threads=1, kv_type="q8_0", memory_limit=limit)
    engines.load(one, context_length=256, threads=1, kv_type="q8_0", memory_limit=limit + 1).close()


@pytest.fixture
def both(family: dict[str, Path]) -> Iterator[LlamaEngine]:
    """Both adapters on one engine; the first is over the model."""
    artifact = Artifact.open(family["int4"])
    paths = {mode: artifact.adapted(mode).adapter_path for mode in ("simple", "topic")}
    engine = LlamaEngine.load(
        artifact.model_path,
        adapters={mode: path for mode, path in paths.items() if path is not None},
        context_length=256,
        threads=1,
        sequences=2,
    )
    yield engine
    engine.close()


def test_one_engine_is_each_of_them_in_turn(family: dict[str, Path], both: LlamaEngine) -> None:
    artifact = Artifact.open(family["int4"])
    alone = {name: logits(artifact.adapted(name)) for name in ("simple", "topic")} | {None: logits(artifact)}
    assert (both.adapters, both.adapter) == (("simple", "topic"), "simple")
    for name in ("simple", "topic", None, "topic", "simple", None):
        both.use(name)
        both.rewind(0)
        assert both.adapter == name
        assert np.array_equal(both.extend(TOKENS, len(TOKENS)), alone[name])
    # Switched twice with nothing computed in between.
    both.use("simple")
    both.use("topic")
    assert np.array_equal(both.extend(TOKENS, len(TOKENS)), alone["topic"])


def test_what_another_adapter_computed_is_forgotten(both: LlamaEngine) -> None:
    both.step([Feed(0, TOKENS[:20]), Feed(1, TOKENS[:9])])
    both.use("simple")
    assert [both.length(sequence) for sequence in (0, 1)] == [20, 9]
    both.use("topic")
    assert [both.length(sequence) for sequence in (0, 1)] == [0, 0]
    assert np.array_equal(both.extend(TOKENS[:20]), both.step([Feed(1, TOKENS[:20])])[0])


def test_an_adapter_that_is_not_there_changes_nothing(both: LlamaEngine) -> None:
    both.extend(TOKENS[:5])
    with pytest.raises(UsageError, match="without an adapter 'summary'; there are: simple, topic"):
        both.use("summary")
    assert (both.adapter, both.position) == ("simple", 5)
    both.close()
    for ask in (lambda: both.use("topic"), lambda: both.adapter, lambda: both.adapters):
        with pytest.raises(EngineError, match="closed"):
            ask()


def test_one_that_the_runtime_refuses(both: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(both._library, "llama_set_adapters_lora", lambda *_: -1)
    with pytest.raises(EngineError, match="could not apply the adapter topic"):
        both.use("topic")
    assert both.adapter == "simple"


def test_a_base_without_a_recipe_is_its_first_adapter(sources: tuple[Path, list[Path]], tmp_path: Path) -> None:
    base = shutil.copytree(sources[0], tmp_path / "base")
    (base / "recipe.toml").unlink()
    made = Artifact.open(
        export(base, adapter=sources[1], unmerged=True, preset="f16", out=tmp_path / "made", threads=1)
    )
    assert made.recipe.name == "text-seg-lm-simple"
    assert made.adapter_path == made.adapted("simple").adapter_path
    assert made.model_path.name == "text-seg-lm-qwen2-0.5B-v1.0-F16.gguf"


def test_requests_that_cannot_be(sources: tuple[Path, list[Path]], tmp_path: Path) -> None:
    base, adapters = sources
    with pytest.raises(UsageError, match="needs --format gguf.*export each adapter on its own, merged"):
        export(base, adapter=adapters, unmerged=True, format="onnx", out=tmp_path / "made")
    with pytest.raises(UsageError, match="One adapter can be merged"):
        export(base, adapter=adapters, out=tmp_path / "made")
    dora = make_adapter(tmp_path / "saved", 3, "text-seg-lm-simple", bias="all")
    write_adapter(dora, {"r": 4, "lora_alpha": 4}, {"model.layers.0.self_attn.q_proj.bias": np.ones(256, np.float32)})
    with pytest.raises(UsageError, match="trained copy of model.layers.0.self_attn.q_proj.bias.*leave out --unmerged"):
        export(base, adapter=dora, unmerged=True, out=tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_manifest_that_promises_other_files(family: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(family["f32"], tmp_path / "copy")
    (folder / "adapters" / "text-seg-lm-simple.gguf").unlink()
    with pytest.raises(ArtifactError, match="adapters/text-seg-lm-simple.gguf is missing"):
        Artifact.open(folder)
    table = json.loads((folder / "manifest.json").read_text())
    del table["files"]["adapters/text-seg-lm-simple.gguf"]
    with pytest.raises(ArtifactError, match="files of the adapter 'text-seg-lm-simple' are not in 'files'"):
        Manifest.from_json(json.dumps(table), "manifest.json")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"GGUF", b"GGUX", "does not start with GGUF"),
        (b"GGUF" + struct.pack("<I", 3), b"GGUF" + struct.pack("<I", 2), "version 2"),
        (b"adapter.type", b"adapter.tyqe", "adapter.type is None instead of 'lora'"),
        (b"lora.alpha" + struct.pack("<I", 6), b"lora.alpha" + struct.pack("<I", 5), "alpha"),
        (struct.pack("<f", 6.0), struct.pack("<f", float("nan")), "alpha is nan"),
        (b"attn_q.weight.lora_a", b"attn_q.weight.lora_c", "not one of a pair"),
    ],
)
def test_damaged_adapters_are_refused_before_llama_cpp_sees_them(
    family: dict[str, Path], tmp_path: Path, old: bytes, new: bytes, expected: str
) -> None:
    data = (family["f32"] / "adapters" / "text-seg-lm-simple.gguf").read_bytes()
    path = tmp_path / "adapter.gguf"
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(ArtifactError, match=expected):
        adapter_bytes(path)
    path.write_bytes(data[:-64])
    with pytest.raises(ArtifactError, match="tensors need"):
        adapter_bytes(path)


def test_an_adapter_of_another_model_is_refused(family: dict[str, Path], tiny_gguf: Path, tmp_path: Path) -> None:
    adapter = Artifact.open(family["f32"]).adapted("simple").adapter_path
    assert adapter is not None
    data = adapter.read_bytes()
    (tmp_path / "adapter.gguf").write_bytes(data.replace(b"blk.1.", b"blk.9."))
    with pytest.raises(ArtifactError, match="does not exist in base model"):
        LlamaEngine.load(tiny_gguf, adapters={"simple": tmp_path / "adapter.gguf"}, context_length=256, threads=1)
