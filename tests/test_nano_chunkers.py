"""The bundled chunkers on Markdown they have never seen; full figures: models/training/evaluate_chunker.py."""

import json
from pathlib import Path

import pytest

from edgedoc.recipes import Method, Mode
from edgedoc.tasks.chunker import Chunker
from edgedoc_export.build import export

pytest.importorskip("llama_cpp")
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"

DOCUMENT = """# Keeping bees on a roof

A roof is a better place for bees than most gardens. It is warm, it is dry, and nobody walks past.

## What you need

You need a hive with two supers, a smoker, a veil and a pair of gloves. A second-hand hive is fine if you scorch the
inside first. Do not save on the veil.

- a hive tool
- a brush with soft hair
- sugar for the first autumn

## The first week

Let the bees alone for the first week. They clean the frames, they learn where the sun stands, and they remember. After
seven days open the lid for a minute and look for eggs.

```
frames with eggs: 3
frames with food: 4
```

## When winter comes

Close the entrance to the width of two bees. Weigh the hive once a month; a hive that loses more than a kilogram a week
is hungry. Never open the lid below ten degrees.
"""
HEADINGS = ("## What you need", "## The first week", "## When winter comes")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[Mode, Path]:
    """The three at eight bits, merged: what `edgedoc chunk --mode` uses when nothing else is said."""
    folder = tmp_path_factory.mktemp("chunkers")
    return {mode: export(f"nano-chunker-{mode}", preset="int8", out=folder / mode) for mode in Mode}


@pytest.mark.parametrize("mode", list(Mode))
def test_chunks_start_at_headings(artifacts: dict[Mode, Path], mode: Mode) -> None:
    with Chunker.open(artifacts[mode], method=Method.GENERATE) as chunker:
        chunking = chunker.chunk(DOCUMENT)
    assert "".join(chunk.text for chunk in chunking.chunks) == DOCUMENT
    starts = [chunk.text.split("\n")[0] for chunk in chunking.chunks]
    # Far from all of them: see the cards.
    assert any(heading in starts for heading in HEADINGS), starts
    assert all(window.matched == window.heads for window in chunking.windows)


def test_topics_are_headings(artifacts: dict[Mode, Path]) -> None:
    with Chunker.open(artifacts[Mode.TOPIC]) as chunker:
        chunks = chunker.chunk(DOCUMENT).chunks
    topics = [chunk.topic or "" for chunk in chunks]
    assert all(topic in DOCUMENT for topic in topics) and any(f"## {topic}" in HEADINGS for topic in topics), topics


def test_summaries_are_quoted(artifacts: dict[Mode, Path]) -> None:
    with Chunker.open(artifacts[Mode.SUMMARY]) as chunker:
        chunks = chunker.chunk(DOCUMENT).chunks
    flat = " ".join(DOCUMENT.split())
    summaries = [chunk.summary for chunk in chunks if chunk.summary]
    assert summaries
    assert sum(summary[:40] in flat for summary in summaries) >= len(summaries) / 2, summaries


def test_one_base_serves_all_three(artifacts: dict[Mode, Path], tmp_path: Path) -> None:
    """Unmerged adapters over one f32 base cut where the merged f32 ones do."""
    names = [f"nano-chunker-{mode}" for mode in Mode]
    family = export("nano-reader", adapter=names, unmerged=True, preset="f32", out=tmp_path / "family")
    for mode in Mode:
        merged = export(f"nano-chunker-{mode}", preset="f32", out=tmp_path / mode)
        with Chunker.open(family, mode=mode) as beside, Chunker.open(merged) as inside:
            assert beside.chunk(DOCUMENT).chunks == inside.chunk(DOCUMENT).chunks


@pytest.mark.parametrize("mode", list(Mode))
def test_the_card_shows_the_committed_figures(mode: Mode) -> None:
    """The model card's table is the committed measurement, not somebody's memory of it."""
    path = RESULTS / f"nano-chunker-{mode}.json"
    if not path.exists():
        pytest.skip("not a checkout")
    result = json.loads(path.read_text("utf-8"))
    card = (ROOT / "models/edgedoc_models/checkpoints" / result["recipe"] / "README.md").read_text("utf-8")
    assert result["machine"] in card
    for preset, row in result["presets"].items():
        if mode is Mode.SIMPLE:
            shown = row["boundaries"][f"weighed {result['presets']['f32']['threshold']}"]
            assert f"| {preset}, weighed | {shown['pk_macro']:.3f} | {shown['f1_micro']:.3f} |" in card
        else:
            assert f"| {preset} | constrained | {row['constrained']['chunks']} |" in card
