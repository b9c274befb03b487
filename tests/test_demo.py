"""The demo, one round: every file it promises exists, every figure is there, and the table tells what was measured."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.console import Report
from edgedoc.errors import EngineError
from edgedoc_bench import demo
from edgedoc_bench.cell import measure_apart

pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

PAGES = ["article", "chinese", "documentation"]


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    # The demo measures in processes of their own.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One run of the demo on the bundled model: its folder and its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        folder = tmp_path_factory.mktemp("demo") / "out"
        return folder, demo.run(folder, Report(None), rounds=1)


def test_every_file_is_there(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = ran
    for preset in demo.PRESETS:
        Artifact.open(folder / f"nano-reader-{preset}").check()
        for page in PAGES:
            assert (folder / "markdown" / preset / f"{page}.md").is_file()
    assert sorted(path.stem for path in (folder / "pages").iterdir()) == PAGES


def test_the_figures_are_measured(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    rows = {row["preset"]: row for row in json.loads(json.dumps(result))["rows"]}
    assert list(rows) == ["f32", "int8", "int4"]
    assert rows["f32"]["file_bytes"] > 2 * rows["int8"]["file_bytes"] > 2 * rows["int4"]["file_bytes"]
    assert rows["f32"]["bits_per_weight"] == 32.0
    assert 4 < rows["int4"]["bits_per_weight"] < 5 < 8 < rows["int8"]["bits_per_weight"] < 9
    assert rows["f32"]["fidelity"]["top1_agreement"] == 1.0
    assert rows["f32"]["fidelity"]["kl_max"] == 0.0
    assert 0 < rows["int8"]["fidelity"]["kl_mean"] < rows["int4"]["fidelity"]["kl_mean"]
    for row in rows.values():
        assert row["windows"] >= len(PAGES) and row["rounds"] == 1
        assert 0 <= row["flagged"] <= row["windows"]
        assert row["prefill_tokens_per_second"] > 0 and row["decode_tokens_per_second"] > 0
        assert row["load_seconds"] > 0 and row["seconds_per_page"] > 0
        assert row["artifact"] == str(folder / f"nano-reader-{row['preset']}")
        assert "markdown" not in row


def test_the_table_is_the_bill(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    lines = demo.table(result).splitlines()
    assert "3 pages" in lines[0] and "1 round" in lines[0]
    columns = lines[2].split("  ")
    assert [column.strip() for column in columns if column.strip()][:3] == ["file MB", "bits/weight", "load s"]
    assert [line.split()[0] for line in lines[3:6]] == ["f32", "int8", "int4"]
    assert "100.00% of" in lines[3]
    assert lines[-1].endswith(f"--model {folder}/nano-reader-int4")
    assert any(str(folder) in line for line in lines[-3:-1])


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="There is no artifact"):
        measure_apart(tmp_path / "nowhere", [], 1)
