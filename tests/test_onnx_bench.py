"""The ONNX benchmark: its arithmetic on made-up times, its driver against our engine, and a whole run in miniature."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import EngineError
from edgedoc_bench.onnx_bound import BoundGraph
from edgedoc_bench.onnx_cell import run_apart
from edgedoc_bench.onnx_pair import PROMPT, STEPS, measure_sides
from edgedoc_bench.onnx_table import PEER_MISSING, Summary, growth, page, ratio, rows

pytest.importorskip("onnxruntime")


class Recorded:
    """A side that only writes down what it was asked."""

    def __init__(self, log: list[tuple[str, str, int]], name: str) -> None:
        self.log, self.name, self.position = log, name, 0

    def prompt(self, tokens: Sequence[int]) -> None:
        self._fed("prompt", tokens)

    def step(self, tokens: Sequence[int]) -> None:
        self._fed("step", tokens)

    def back(self, position: int) -> None:
        assert position <= self.position
        self.position = position

    def _fed(self, what: str, tokens: Sequence[int]) -> None:
        self.log.append((self.name, what, len(tokens)))
        self.position += len(tokens)


def test_both_sides_do_the_same_in_changing_order() -> None:
    log: list[tuple[str, str, int]] = []
    found = measure_sides(Recorded(log, "ours"), Recorded(log, "peer"), 100, rounds=12)
    assert (len(found["prefill"]), len(found["decode"])) == (2, 12)
    assert {k: len(times) for k, times in found["steps"].items()} == {str(k): 4 for k in STEPS}
    mine, theirs = ([call[1:] for call in log if call[0] == name] for name in ("ours", "peer"))
    assert mine == theirs
    prompts = [name for name, what, _ in log if what == "prompt"]
    assert prompts == ["ours", "peer", "peer", "ours", "ours", "peer"]
    alone = measure_sides(Recorded([], "ours"), None, 100, rounds=3)
    assert all(peer is None and ours > 0 for ours, peer in alone["decode"])


def test_ratios_are_of_the_times_of_one_round() -> None:
    # The machine slows down tenfold half way; every round says twice as fast.
    found = ratio([[1.0, 2.0], [1.0, 2.0], [10.0, 20.0], [10.0, 20.0]])
    assert found == Summary(median=2.0, p10=2.0, p90=2.0, samples=4)
    assert ratio([[1.0, None]]) is None


def test_growth_is_within_a_round() -> None:
    steps: dict[str, Sequence[Sequence[float | None]]] = {
        "1": [[1.0, 1.0], [10.0, 1.0]],
        "12": [[1.5, 3.0], [15.0, 3.0]],
    }
    assert growth(steps, 0)["12"].median == 1.5
    assert growth(steps, 1)["12"].median == 3.0
    assert growth({"1": [[1.0, None]]}, 1) == {}


def _preset(*, peer: bool) -> dict[str, Any]:
    pair = [0.10, 0.12 if peer else None]
    return {
        "bytes": 300_000_000,
        "peer_bytes": 375_000_000 if peer else None,
        "export": {"seconds": [10.0, 40.0, 20.0], "peak_memory": [1_300_000_000]},
        "memory": {"ours": 500_000_000, "peer": 900_000_000 if peer else None},
        "timing": {"prefill": [pair] * 3, "decode": [pair] * 3, "steps": {str(k): [pair] * 3 for k in STEPS}},
    }


def test_every_figure_has_its_target_and_its_verdict() -> None:
    table = {row.figure: row for row in rows({"int4": _preset(peer=True), "int8": _preset(peer=True)})}
    assert len(table) == 11
    met = {figure for figure, row in table.items() if row.met}
    assert table["int4: decode, times the peer"].found == Summary(median=1.2, p10=1.2, p90=1.2, samples=3)
    assert set(table) - met == {"int4: peak memory of the export, MB"}
    assert table["int4: export, s"].found == Summary(median=20.0, p10=12.0, p90=36.0, samples=3)
    text = page({"int4": _preset(peer=True)}, ["head"], "foot")
    [line] = [line for line in text.splitlines() if line.startswith("| int4: decode")]
    assert "| 1.20 (1.20-1.20) | 3 | ours 10.0 tokens/s, peer 8.3 tokens/s | >= 1.05 | yes |" in line
    assert "| <= 1200 | NO |" in text
    assert text.count("int4 peer | 1.00 |") == 1


def test_without_peers_nothing_is_claimed() -> None:
    table = rows({"int4": _preset(peer=False), "int8": _preset(peer=False)})
    unmeasured = [row.figure for row in table if row.met is None]
    assert unmeasured == [row.figure for row in table if "times the peer" in row.figure]
    lines = page({"int8": _preset(peer=False)}, [], "").splitlines()
    assert any(f"| {PEER_MISSING} |" in line and line.endswith("| >= 1.1 |  |") for line in lines)
    assert not any("int8 peer" in line for line in lines)


def _as_peer(artifact: Path, folder: Path) -> Path:
    """Our own graph as if it were a genai one: to a driver that does not know `num_logits` it gives every row."""
    folder.mkdir(parents=True)
    model = Artifact.open(artifact).model_path
    shutil.copyfile(model, folder / "model.onnx")
    shutil.copyfile(f"{model}_data", folder / f"{model.name}_data")
    shutil.copyfile(artifact / "genai_config.json", folder / "genai_config.json")
    return folder / "model.onnx"


def test_the_driver_of_the_peers_gives_what_our_engine_gives(tiny_onnx: dict[str, Path], tmp_path: Path) -> None:
    from edgedoc.engines.onnx import OnnxEngine

    graph = BoundGraph(_as_peer(tiny_onnx["f32"], tmp_path / "peer"), threads=1, context=64)
    engine = OnnxEngine.load(Artifact.open(tiny_onnx["f32"]).model_path, threads=1, context_length=64)
    for part in ([1, 2, 3, 4], [5], [6, 7]):
        np.testing.assert_allclose(graph.step(part), engine.extend(part, logits=len(part)), rtol=1e-4, atol=1e-4)
    graph.position = 4
    engine.rewind(4)
    np.testing.assert_allclose(graph.step([9]), engine.extend([9]), rtol=1e-4, atol=1e-4)


def test_a_failed_measurement_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with pytest.raises(EngineError, match="Measuring memory failed: .*cannot be read"):
        run_apart("memory", model=tmp_path / "none.onnx", side="ours", threads=1, context=64)


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    from edgedoc_export.build import export

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    out = tmp_path / "onnx.json"
    _as_peer(export("nano-reader", format="onnx", preset="int8", out=tmp_path / "int8"), tmp_path / "genai-int8")
    command = [sys.executable, "-m", "edgedoc_bench.onnx_bench", "--checkpoint", "nano-reader", "--pairs", "int8"]
    command += ["--rounds", "2", "--exports", "1", "--threads", "1", "--peers", str(tmp_path), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert [row["figure"].split(":")[0] for row in result["rows"]] == ["int8"] * 4
    # Two loading orders, two rounds each.
    assert result["presets"]["int8"]["timing"]["decode"]["ratio"]["samples"] == 4
    assert len(result["presets"]["int8"]["decode_by_order"]) == 2
    assert result["prompt_tokens"] == PROMPT
    assert result["machine"]["cpu"] and "onnxruntime" in result["tools"]
    assert out.with_suffix(".md").read_text("utf-8") == done.stdout.removesuffix("\n")
    assert "The targets are for reader-lm-0.5b's shapes" in done.stdout
