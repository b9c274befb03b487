"""The README shows what commands really print: its demo block is the committed result, rendered by the demo's own code.

edgedoc demo --json > bench/results/demo.json && python tests/test_readme.py      # refresh both
"""

import json
import re
from pathlib import Path

import pytest

from edgedoc_bench.demo import table

ROOT = Path(__file__).parents[1]
README, RESULT = ROOT / "README.md", ROOT / "bench" / "results" / "demo.json"
BEGIN, END = "<!-- demo -->\n", "<!-- /demo -->"
QUOTE = re.compile(r"<!-- from (\S+) -->\n(.*?)<!-- /from -->", re.DOTALL)


def render() -> str:
    """The block between the markers."""
    lines = table(json.loads(RESULT.read_text("utf-8"))).splitlines()
    return "\n" + "\n".join(f"    {line}".rstrip() for line in lines) + "\n\n"


def test_demo_block_is_the_committed_result() -> None:
    """A figure in the README that no command printed would show here."""
    if not README.exists():
        pytest.skip("not a checkout")
    shown = README.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    assert shown == render(), "refresh it: python tests/test_readme.py"


def test_quoted_figures_are_those_of_the_committed_results() -> None:
    """Every line of a quotation stands in the file it is from, so that a new measurement shows here as well."""
    if not README.exists():
        pytest.skip("not a checkout")
    quoted = QUOTE.findall(README.read_text("utf-8"))
    assert quoted
    for source, block in quoted:
        known = set((ROOT / source).read_text("utf-8").splitlines())
        strange = [line for line in block.splitlines() if line not in known]
        assert not strange, f"not in {source}: {strange}"


def test_demo_result_is_a_measurement() -> None:
    """All three precisions, on a named machine, with samples."""
    result = json.loads(RESULT.read_text("utf-8"))
    # Behind them, the second engine's rows.
    assert [row["preset"] for row in result["rows"][:3]] == ["f32", "int8", "int4"]
    assert result["machine"]["cpu"]
    assert all(row["rounds"] >= 3 for row in result["rows"])


if __name__ == "__main__":
    before, rest = README.read_text("utf-8").split(BEGIN)
    README.write_text(before + BEGIN + render() + END + rest.split(END)[1], "utf-8")
