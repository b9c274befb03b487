"""One artifact on some pages, apart from every suite: what the demo measures. Knows no report.

In a process of its own, as the harness does it, because peak memory never goes down within one.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgedoc_bench.cell_contract import Order
from edgedoc_bench.cell_process import start
from edgedoc_bench.cell_summary import summarise
from edgedoc_bench.corpus import Sample
from edgedoc_bench.results import documents_text

TIMEOUT = 600.0
"""Seconds a page may take."""


def measure_apart(artifact: Path, pages: list[Path], rounds: int) -> dict[str, Any]:
    """Convert `pages` `rounds` times, no fallback: seconds, tokens/s (medians over rounds), bytes of memory.

    Raises EngineError with the process's last words when it fails.
    """
    samples = [Sample(id=page.name, kind="page", source=page.read_text("utf-8")) for page in pages]
    with TemporaryDirectory(prefix="edgedoc-cell-") as folder:
        documents = Path(folder) / "pages.jsonl"
        documents.write_text(documents_text(samples), "utf-8")
        order = Order(
            measure="documents",
            kind="artifact",
            name=artifact.name,
            task="reader",
            model=str(artifact),
            documents=str(documents),
            drafts=True,
        )
        with start(order, TIMEOUT) as client:
            answers = [(number, client.ask(page)) for number in range(1, rounds + 1) for page in range(len(pages))]
            loaded = client.loaded
    found = summarise([{**row, "round": number} for number, answer in answers for row in answer["rows"]])
    # Plain decoding takes a step for every token of the answer, and one for the stop token.
    plain = found["tokens_out"] + found["windows"]
    prefill, decode = found["prefill_tokens_per_second"], found["decode_tokens_per_second"]
    return {
        "import_seconds": loaded["import_seconds"],
        "load_seconds": loaded["load_seconds"],
        "prefill_tokens_per_second": prefill["median"],
        "prefill_spread": [prefill["lowest"], prefill["highest"]],
        "decode_tokens_per_second": decode["median"],
        "decode_spread": [decode["lowest"], decode["highest"]],
        "seconds_per_page": found["seconds"]["mean"],
        **{name: found[name] for name in ("windows", "steps", "drafted", "accepted", "flagged")},
        "steps_saved": 1 - found["steps"] / max(1, plain),
        "peak_memory": answers[-1][1]["peak_memory"],
        "rounds": rounds,
        "markdown": [answer["text"] for number, answer in answers if number == 1],
    }
