"""Planning an ONNX model's memory: what may shrink, the refusal, and figures that match real loads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.engines import memory
from edgedoc.engines.onnx_header import OnnxHeader
from edgedoc.engines.onnx_memory import plan_memory
from edgedoc.errors import NotEnoughMemoryError, UsageError

READER_LM = OnnxHeader(
    in_place=True,
    position_ids=False,
    layers=24,
    kv_heads=2,
    head_dim=64,
    vocab_size=151_936,
    hidden_size=896,
    width=4864,
    context_length=32_768,
    file_size=65_000,
    data_bytes=310_000_000,
    lookup_bytes=0,
    tied_bytes=0,
    scale_bytes=61_700_000,
    widened_bytes=0,
    widest_bytes=0,
    mapped=(),
)
POSITION = 24_576
"""24 layers x 2 key heads x 64 x keys and values x 4 bytes."""


def test_plenty_of_memory_gives_the_wanted_length() -> None:
    plan = plan_memory(READER_LM, context_length=32_768, batch=256, limit=10**10)
    assert (plan.context_length, plan.kv_type, plan.kv_cache) == (32_768, "f32", 32_768 * POSITION)
    assert plan.total == plan.weights + plan.kv_cache + plan.buffers <= 10**10


def test_a_shorter_context_where_that_is_allowed() -> None:
    full = plan_memory(READER_LM, context_length=32_700, batch=256, limit=10**10)
    shorter = plan_memory(READER_LM, context_length=32_700, minimum_context=2000, batch=256, limit=full.total - 1)
    assert shorter.context_length == 32_512
    smallest = plan_memory(READER_LM, context_length=2000, batch=256, limit=10**10)
    tight = plan_memory(READER_LM, context_length=32_700, minimum_context=2000, batch=256, limit=smallest.total)
    assert tight.context_length == 2000
    with pytest.raises(NotEnoughMemoryError) as refusal:
        plan_memory(READER_LM, context_length=32_700, minimum_context=2000, batch=256, limit=smallest.total - 1)
    for figure in (smallest.total, smallest.weights, smallest.kv_cache, smallest.buffers, smallest.total - 1):
        assert f"{figure / 1e6:,.0f} MB" in str(refusal.value)
    with pytest.raises(NotEnoughMemoryError):
        plan_memory(READER_LM, context_length=32_700, batch=256, limit=full.total - 1)


def test_default_length_is_bounded_by_the_export() -> None:
    assert plan_memory(READER_LM, batch=256, limit=10**10).context_length == 8192
    assert plan_memory(replace(READER_LM, context_length=2048), batch=256, limit=10**10).context_length == 2048
    assert plan_memory(replace(READER_LM, context_length=None), batch=256, limit=10**10).context_length == 8192


def test_what_the_export_allows() -> None:
    with pytest.raises(UsageError, match="exported for 32768.*--context 40000"):
        plan_memory(READER_LM, context_length=40_000, batch=256, limit=10**11)
    allowed = plan_memory(READER_LM, context_length=40_000, minimum_context=1000, batch=256, limit=10**11)
    assert allowed.context_length == 32_768
    unknown = replace(READER_LM, context_length=None)
    assert plan_memory(unknown, context_length=40_000, batch=256, limit=10**11).context_length == 40_000
    for impossible in (0, -1):
        with pytest.raises(UsageError):
            plan_memory(READER_LM, context_length=impossible, batch=256, limit=10**11)


def test_what_costs_more() -> None:
    """The standard graph holds its cache twice and every row of logits; weights in the model file are copied."""

    def plan(header: OnnxHeader) -> memory.MemoryPlan:
        return plan_memory(header, context_length=4096, batch=256, limit=10**11)

    own, standard = plan(READER_LM), plan(replace(READER_LM, in_place=False))
    assert standard.kv_cache == 2 * own.kv_cache
    assert standard.buffers - own.buffers > 2 * 4 * (256 - 64) * READER_LM.vocab_size - own.buffers
    inside = replace(READER_LM, file_size=310_000_000, data_bytes=0)
    assert plan(inside).weights - own.weights == pytest.approx(310_000_000, rel=0.001)
    assert plan(replace(READER_LM, lookup_bytes=100_000_000)).weights == own.weights - 100_000_000
    assert plan(replace(READER_LM, tied_bytes=100_000_000)).weights == own.weights + 100_000_000
    half = plan(replace(READER_LM, widened_bytes=250_000_000, widest_bytes=150_000_000))
    assert half.weights == own.weights + 250_000_000
    assert half.buffers > 2 * 150_000_000 > own.buffers


def test_the_machine_is_asked_only_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 5_000_000)
    with pytest.raises(NotEnoughMemoryError, match="this machine has available 5 MB"):
        plan_memory(READER_LM, batch=256)
    assert plan_memory(READER_LM, batch=256, limit=10**10).available == 10**10


MEASURE = """
import sys
from pathlib import Path
from edgedoc.engines.onnx import OnnxEngine
from edgedoc.engines.onnx_session import load_runtime

def resident(name):
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024

load_runtime()
before = resident("VmRSS")
engine = OnnxEngine.load(sys.argv[1], threads=1, context_length=1024)
engine.extend([1] * 1000, 64)
engine.extend([1] * 24)
print(resident("VmHWM") - before, engine.plan.total)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4"])
def test_the_plan_covers_a_real_load_without_wild_excess(
    weighty_config: Any, measured_apart: Callable[[str, Path], tuple[int, int]], tmp_path: Path, preset: str
) -> None:
    """Up to 100 MB of model in a process of its own: the plan may be above the peak, by less than half."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from edgedoc.recipes import load_recipe
    from edgedoc_export.build import export
    from edgedoc_export.random_weights import random_checkpoint

    checkpoint = random_checkpoint(weighty_config, tmp_path / "checkpoint", seed=1)
    recipe = replace(load_recipe("nano-reader"), context=1024, window=400)
    (checkpoint / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    folder = export(checkpoint, format="onnx", preset=preset, out=tmp_path / "artifact")
    model = next((folder / "onnx").glob("*.onnx"))
    resident, planned = measured_apart(MEASURE, model)
    assert resident <= planned * 1.05
    assert planned <= resident * 1.5
