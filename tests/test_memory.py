"""Planning memory from a header: the order of preference, the refusal, and figures that match a real load."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.engines import memory
from edgedoc.engines.gguf_header import GgufHeader, read_header
from edgedoc.engines.gguf_memory import plan_memory
from edgedoc.errors import NotEnoughMemoryError, UsageError

READER_LM = GgufHeader(
    name="reader-lm-0.5b",
    layers=24,
    heads=14,
    kv_heads=2,
    head_dim=64,
    embedding_length=896,
    feed_forward_length=4864,
    context_length=256_000,
    vocab_size=151_936,
    merges=151_387,
    file_size=283_000_000,
    tensor_bytes=278_000_000,
    tensor_types={"Q4_0": 277_700_000, "F32": 300_000},
    embedding_bytes=76_575_744,
    tied=True,
)
F16_POSITION = 12_288
"""24 layers x 2 key heads x 64 x keys and values x 2 bytes."""


def test_plenty_of_memory_gives_f16_at_the_wanted_length() -> None:
    plan = plan_memory(READER_LM, context_length=32_768, limit=10**10)
    assert (plan.context_length, plan.kv_type, plan.kv_cache) == (32_768, "f16", 32_768 * F16_POSITION)
    assert plan.total == plan.weights + plan.kv_cache + plan.buffers <= 10**10


def test_then_q8_0_then_a_shorter_context() -> None:
    full = plan_memory(READER_LM, context_length=32_768, limit=10**10)
    eight_bits = plan_memory(READER_LM, context_length=32_768, minimum_context=2048, limit=full.total - 1)
    assert (eight_bits.context_length, eight_bits.kv_type) == (32_768, "q8_0")
    assert eight_bits.kv_cache * 32 == full.kv_cache * 17
    shorter = plan_memory(READER_LM, context_length=32_768, minimum_context=2048, limit=eight_bits.total - 1)
    assert (shorter.context_length, shorter.kv_type) == (32_768 - 256, "q8_0")


def test_never_shorter_than_allowed_and_the_refusal_has_the_figures() -> None:
    smallest = plan_memory(READER_LM, context_length=2048, kv_type="q8_0", limit=10**10)
    plan_memory(READER_LM, context_length=32_768, minimum_context=2048, limit=smallest.total)
    with pytest.raises(NotEnoughMemoryError) as refusal:
        plan_memory(READER_LM, context_length=32_768, minimum_context=2048, limit=smallest.total - 1)
    message = str(refusal.value)
    for figure in (smallest.total, smallest.weights, smallest.kv_cache, smallest.buffers, smallest.total - 1):
        assert f"{figure / 1e6:,.0f} MB" in message
    assert "2048 tokens" in message
    assert "int4" in message


def test_a_chosen_length_or_type_is_kept() -> None:
    full = plan_memory(READER_LM, context_length=32_768, kv_type="f16", limit=10**10)
    with pytest.raises(NotEnoughMemoryError):
        plan_memory(READER_LM, context_length=32_768, kv_type="f16", limit=full.total - 1)
    eight_bits = plan_memory(READER_LM, context_length=32_768, limit=full.total - 1)
    with pytest.raises(NotEnoughMemoryError):
        plan_memory(READER_LM, context_length=32_768, limit=eight_bits.total - 1)


def test_default_length_is_bounded_and_may_shrink() -> None:
    assert plan_memory(READER_LM, limit=10**10).context_length == 8192
    assert plan_memory(replace(READER_LM, context_length=2048), limit=10**10).context_length == 2048
    tight = plan_memory(READER_LM, limit=plan_memory(READER_LM, limit=10**10).total * 9 // 10)
    assert 512 <= tight.context_length <= 8192


def test_lengths_are_whole_cache_steps() -> None:
    assert plan_memory(READER_LM, context_length=2049, limit=10**10).context_length == 2304


@pytest.mark.parametrize("length", [0, -1, 256_001])
def test_impossible_lengths(length: int) -> None:
    with pytest.raises(UsageError, match="context"):
        plan_memory(READER_LM, context_length=length, limit=10**10)


def test_heads_that_q8_0_cannot_hold() -> None:
    odd = replace(READER_LM, head_dim=48)
    with pytest.raises(UsageError, match="48"):
        plan_memory(odd, kv_type="q8_0", limit=10**10)
    full = plan_memory(odd, context_length=8192, limit=10**10)
    shorter = plan_memory(odd, context_length=8192, minimum_context=512, limit=full.total - 1)
    assert (shorter.kv_type, shorter.context_length) == ("f16", 8192 - 256)


def test_the_machine_is_asked_only_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 5_000_000)
    with pytest.raises(NotEnoughMemoryError, match="this machine has available 5 MB"):
        plan_memory(READER_LM)
    assert plan_memory(READER_LM, limit=10**10).available == 10**10
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    assert plan_memory(READER_LM).available is None


def test_repacked_weights_keep_the_embedding_table_twice() -> None:
    plain = replace(READER_LM, tensor_types={"Q8_0": READER_LM.tensor_bytes})
    assert plan_memory(plain, limit=10**10).weights == READER_LM.tensor_bytes
    assert plan_memory(READER_LM, limit=10**10).weights == READER_LM.tensor_bytes + READER_LM.embedding_bytes
    assert plan_memory(replace(READER_LM, tied=False), limit=10**10).weights == READER_LM.tensor_bytes


MEASURE = """
import sys
from pathlib import Path
from edgedoc.engines.llama import LlamaEngine
from edgedoc.engines.native import load_library

def resident():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024

load_library()
before = resident()
engine = LlamaEngine.load(sys.argv[1], threads=1, use_mmap=False)
engine.extend([1] * 510, 64)
print(resident() - before, engine.plan.total)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_plan_covers_a_real_load_without_wild_excess(
    weighty_config: Any, measured_apart: Callable[[str, Path], tuple[int, int]], tmp_path: Path
) -> None:
    """60 MB of model in a process of its own: the plan may be above what is resident, by less than a third."""
    pytest.importorskip("llama_cpp")
    pytest.importorskip("gguf")
    from edgedoc_bench.random_model import write_random_gguf

    shape = replace(weighty_config, kv_heads=8, max_position_embeddings=4096)
    path = write_random_gguf(tmp_path / "model.gguf", shape, "f16", merges=20_000)
    assert read_header(path).tensor_bytes > 50_000_000
    resident, planned = measured_apart(MEASURE, path)
    assert resident <= planned * 1.02
    assert planned <= resident * 1.33
