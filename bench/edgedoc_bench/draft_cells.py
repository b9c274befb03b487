"""What the draft bench measures: contenders, and the cells in which they take turns window by window. No figures.

A cell is what is compared side by side: its contenders are loaded together and each does a window before any does the
next, in an order that turns round from window to window. Cells are measured, kept and repeated on their own.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgedoc.doctor import memory_bandwidth
from edgedoc.recipes import load_recipe
from edgedoc_bench.child import Answer, Child
from edgedoc_bench.draft_models import EXPORTS, MODEL, Models
from edgedoc_bench.draft_windows import Page, Passage

OURS, LLAMA, GENAI = "edgedoc", "llama-cpp-python", "onnxruntime-genai"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Contender:
    """`drafts`: "off" or "on", or as `draft_ours` and `draft_peers` have it."""

    who: str
    artifact: str
    drafts: str

    @property
    def name(self) -> str:
        """As in the report."""
        return f"{self.who}, {self.artifact}, drafts {self.drafts}"


MAIN = ("gguf q4_0", "onnx int8")
"""The artifacts that targets are set for."""
DECODING = (
    Contender(LLAMA, "gguf q4_0", "off"),
    Contender(LLAMA, "gguf q4_0", "on"),
    Contender(GENAI, "onnx int8", "on"),
    Contender(OURS, "gguf q4_0", "off"),
    Contender(OURS, "gguf q4_0", "on"),
    Contender(OURS, "onnx int8", "off"),
    Contender(OURS, "onnx int8", "on"),
)
OTHERS = (
    Contender(LLAMA, "gguf q4_0", "on, 2 tokens"),
    Contender(GENAI, "onnx int8", "off"),
    Contender(GENAI, "onnx int4", "off"),
    Contender(GENAI, "onnx int4", "on"),
    Contender(OURS, "onnx int4", "off"),
    Contender(OURS, "onnx int4", "on"),
    Contender(OURS, "gguf int8", "off"),
    Contender(OURS, "gguf int8", "on"),
)
WRONG = tuple(Contender(OURS, artifact, drafts) for artifact in MAIN for drafts in ("off", "wrong"))
EXACT = tuple(Contender(OURS, artifact, drafts) for artifact in MAIN for drafts in ("off, --exact", "on, --exact"))
TURNS = {"decode": DECODING, "exact": EXACT, "wrong": WRONG, "others": OTHERS}
"""Cells of windows; those of pages are below."""
EVERY = {"decode": 1, "exact": 2, "wrong": 2, "others": 3}
"""Of how many windows a cell measures one, so that all of it fits half an hour."""

FLYING = 8
FLIGHT_ARTIFACT = "gguf q4_0"
"""Only llama.cpp shares steps."""
CARD = "card"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything a cell needs. `warm_up` is a passage that does not count; `card` runs transformers, None: left out.

    `home` is the contenders' EDGEDOC_HOME, empty at first: step costs of another day are not this run's.
    """

    models: Models
    home: Path
    threads: int
    passages: Sequence[Passage]
    warm_up: Passage
    groups: Sequence[Sequence[Page]]
    raw_pages: Sequence[Page]
    card: str | None

    def worker(self, contender: Contender, in_flight: int = 1) -> Child:
        """A fresh process of the contender."""
        given: dict[str, object] = {
            "artifact": str(self.models.artifact(contender.artifact)),
            "threads": self.threads,
            "drafts": contender.drafts,
        }
        if contender.who == OURS:
            return Child("edgedoc_bench.draft_ours", {**given, "in_flight": in_flight}, home=self.home)
        peer = {"peer": contender.who, "context": load_recipe(MODEL).context}
        return Child("edgedoc_bench.draft_peers", given | peer)


def take_turns(workers: Mapping[str, Child], work: Sequence[Any], progress: Progress) -> dict[str, list[Answer]]:
    """Each worker does each piece of `work`; every other piece in the opposite order."""
    answers: dict[str, list[Answer]] = {name: [] for name in workers}
    for number, piece in enumerate(work):
        progress(number, len(work))
        for name in list(workers)[:: -1 if number % 2 else 1]:
            answers[name].append(workers[name].ask(piece))
    progress(len(work), len(work))
    return answers


def measure_windows(bench: Bench, cell: str, progress: Progress) -> dict[str, Any]:
    """Answers of the contenders of a cell to its passages, tokens and text as digests."""
    with ExitStack() as stack:
        workers = {one.name: stack.enter_context(bench.worker(one)) for one in TURNS[cell]}
        for worker in workers.values():
            worker.ask(asdict(bench.warm_up))
        work = [asdict(passage) for passage in bench.passages[:: EVERY[cell]]]
        answers = take_turns(workers, work, progress)
    return {"answers": {name: [_digested(one) for one in found] for name, found in answers.items()}}


def measure_costs(bench: Bench, progress: Progress) -> dict[str, Any]:
    """T(k) of each artifact, alone on the machine, and the machine's memory bandwidth in bytes per second."""
    found: dict[str, Any] = {}
    for done, (format, preset) in enumerate(EXPORTS):
        progress(done, len(EXPORTS) + 1)
        name = f"{format} {preset}"
        with bench.worker(Contender(OURS, name, "on")) as worker:
            found[name] = worker.ask({"costs": True})
    bandwidth = memory_bandwidth()
    progress(len(EXPORTS) + 1, len(EXPORTS) + 1)
    return {"artifacts": found, "bandwidth": bandwidth}


def measure_flight(bench: Bench, progress: Progress) -> dict[str, Any]:
    """Groups of FLYING pages, with one window after the other and with FLYING in flight; {} when there are too few."""
    if not bench.groups:
        return {}
    contender = Contender(OURS, FLIGHT_ARTIFACT, "on")
    with bench.worker(contender) as alone, bench.worker(contender, FLYING) as together:
        workers = {"1 in flight": alone, f"{FLYING} in flight": together}
        for worker in workers.values():
            worker.ask({"pages": [bench.warm_up.html]})
        work = [{"pages": [page.html for page in group]} for group in bench.groups]
        return {"answers": take_turns(workers, work, progress)}


def measure_pages(bench: Bench, progress: Progress) -> dict[str, Any]:
    """Whole pages, raw HTML in and Markdown out: ours, and the model card's recipe."""
    if bench.card is None:
        return {}
    card = {
        "checkpoint": str(bench.models.checkpoint),
        "threads": bench.threads,
        "penalty": load_recipe(MODEL).decoding.repetition_penalty,
    }
    with ExitStack() as stack:
        contenders = [Contender(OURS, artifact, "on") for artifact in MAIN]
        workers = {one.name: stack.enter_context(bench.worker(one)) for one in contenders}
        # A warm-up that tells what the card's recipe, which comes to no end of its own, has to write.
        told = [[worker.ask({"convert": page.html}) for page in bench.raw_pages] for worker in workers.values()]
        workers[CARD] = stack.enter_context(Child("edgedoc_bench.draft_card", card, python=bench.card))
        workers[CARD].ask({"convert": "<p>Warm up.</p>", "write": 4})
        work = [
            {"convert": page.html, "write": one["output_tokens"]}
            for page, one in zip(bench.raw_pages, told[0], strict=True)
        ]
        return {"answers": take_turns(workers, work, progress)}


def measure(bench: Bench, cell: str, progress: Progress) -> dict[str, Any]:
    """The cell named `cell`. Raises EngineError when a contender fails."""
    if cell in TURNS:
        return measure_windows(bench, cell, progress)
    return {"costs": measure_costs, "flight": measure_flight, "pages": measure_pages}[cell](bench, progress)


# Costs first: what they measure is kept for the readers of all other cells.
CELLS = ("costs", *TURNS, "flight", "pages")


def _digested(answer: Answer) -> Answer:
    short = {name: value for name, value in answer.items() if name not in ("tokens", "text")}
    ids = {"ids": _digest(answer["tokens"])} if "tokens" in answer else {}
    return short | ids | {"text": _digest(answer["text"])}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
