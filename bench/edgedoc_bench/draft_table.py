"""The draft bench's report as a Markdown page. Computes from what was measured; measures nothing."""

import statistics
from collections.abc import Iterator
from typing import Any

from edgedoc_bench.draft_cells import CARD, EVERY, MAIN, OURS, TURNS, Contender
from edgedoc_bench.draft_pairs import Ratio, decode_steps, rate, tokens_a_step, total
from edgedoc_bench.draft_targets import Target, bound_of, identical, targets

IDLE = 0.5
"""Load average above which something else was running."""


def page(result: dict[str, Any], foot: str) -> str:
    """The whole report; `foot` says on which machine."""
    setup, cells = result["setup"], result["cells"]
    prompts = [window["prompt_tokens"] for window in setup["windows"]]
    return "\n".join(
        [
            "# Drafts that rules write, verified by the model",
            "",
            *_head(setup, cells),
            "",
            "| | found | figures | at least | met | bound by |",
            "|---|---|---|---|---|---|",
            *(_target(target) for target in targets(cells, prompts)),
            "",
            "Found: median of the ratios within a window (quartiles), and the ratio of the totals; the smaller of the "
            "two has to reach the target.",
            "",
            *_contenders(cells),
            *_bounds(cells, prompts),
            *_pages(cells),
            foot,
            "",
        ]
    )


def _head(setup: dict[str, Any], cells: dict[str, Any]) -> Iterator[str]:
    shapes = "its own shapes" if setup["size"] == "nano" else "reader-lm-0.5b's shapes"
    sizes = [window["document_tokens"] for window in setup["windows"]]
    right = _right(cells.get("decode", {}).get("answers", {}))
    yield (
        f"{setup['model']} at {shapes}, {setup['threads']} threads; {len(sizes)} windows of real documentation pages, "
        f"of {statistics.median(sizes):.0f} tokens ({min(sizes)}-{max(sizes)}), one a page, drawn by lot from those "
        "whose answer is no mere furniture and which the model ends itself. All contenders get the same "
        f"ids, and each does a window before any does the next. {right}Its vocabulary of 2,048 cuts words into more "
        "tokens than the real models' does, and the rest of a word is easy to draft. Quality is no subject here."
    )
    busy = [name for name, cell in cells.items() if (cell["load_average"] or 0.0) > IDLE]
    if busy:
        yield ""
        yield f"**The machine was busy ({', '.join(busy)}): times say little; steps and answers hold.**"


def _right(answers: dict[str, list[dict[str, Any]]]) -> str:
    """How often our drafts were right, which depends on the model."""
    ours = [one for name in MAIN for one in answers.get(Contender(OURS, name, "on").name, [])]
    share = total(ours, "accepted") / max(1.0, total(ours, "drafted"))
    return f"This model writes nearly what the rules do: {share:.0%} of our drafts were right. " if ours else ""


def _target(target: Target) -> str:
    found = target.found
    if found is None:
        told = ""
    elif isinstance(found, Ratio):
        told = found.text()
    else:
        told = f"{found:.1%}"
    return f"| {target.figure} | {told} | {target.beside} | {target.least:g} | {target.verdict()} | {target.bound} |"


def _contenders(cells: dict[str, Any]) -> Iterator[str]:
    for cell, contenders in TURNS.items():
        if cell not in cells:
            continue
        yield f"## {cell}"
        yield ""
        if cell == "decode":
            yield (
                "llama-cpp-python drafts with `logits_all=True`: without it, prompts of more than 512 tokens end in a "
                "ValueError. Drafted tokens of ours are chosen by T(k); accepted ones are part of the answer."
            )
            yield ""
        if EVERY[cell] > 1:
            yield f"One window in {EVERY[cell]}."
            yield ""
        yield "| | decode tokens/s | steps | drafted | accepted | tokens a step | s/window | as plain greedy |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from (_contender(one, cell, cells) for one in contenders)
        yield ""


def _contender(contender: Contender, cell: str, cells: dict[str, Any]) -> str:
    answers = cells[cell]["answers"][contender.name]
    found = identical(cells, contender, cell)
    equal = f"{found[0]} of {found[1]}" if found is not None else ""
    # Some contenders do not tell.
    drafted, accepted = (
        f"{total(answers, name):.0f}" if name in answers[0] else "" for name in ("drafted", "accepted")
    )
    seconds = statistics.median(one["seconds"] for one in answers)
    return (
        f"| {contender.name} | {rate(answers):.1f} | {decode_steps(answers)} | {drafted} | {accepted} | "
        f"{tokens_a_step(answers):.2f} | {seconds:.2f} | {equal} |"
    )


def _bounds(cells: dict[str, Any], prompts: list[int]) -> Iterator[str]:
    if "costs" not in cells:
        return
    bandwidth, costs = cells["costs"]["bandwidth"], cells["costs"]["artifacts"]
    sizes = list(next(iter(costs.values()))["seconds"])
    yield "## What bounds it"
    yield ""
    yield (
        f"A step reads all weights and the cache once, at the {bandwidth / 1e9:.1f} GB/s that all cores of "
        "this machine read together, and computes its tokens; T(k) is what a step of k tokens costs and holds both. "
        "Reached: T(k), at the average k, over the time a step took with all there is around it."
    )
    yield ""
    yield "| | tokens fed a step | ms a step | reading, ms | T(k), ms | bound by | reached of T(k) | of reading alone |"
    yield "|---|---|---|---|---|---|---|---|"
    for cell, contenders in TURNS.items():
        for one in contenders if cell in cells else ():
            found = bound_of(cells, prompts, one, cell)
            assert found is not None
            yield (
                f"| {one.name} | {found.rows:.1f} | {found.step * 1e3:.1f} | {found.reading * 1e3:.1f} | "
                f"{found.cost * 1e3:.1f} | {found.kind} | {found.reached:.0%} | "
                f"{found.bandwidth_reached:.0%} |"
            )
    yield ""
    yield "T(k) in ms, with the logits of all k tokens; in steps of multiples of the unit logits agree bit for bit:"
    yield ""
    yield f"| k | {' | '.join(sizes)} | unit |"
    yield f"|---|{'---|' * len(sizes)}---|"
    for name, cost in costs.items():
        times = " | ".join(f"{cost['seconds'].get(size, float('nan')) * 1e3:.1f}" for size in sizes)
        yield f"| {name} | {times} | {cost['unit'] or 'none'} |"
    yield ""


def _pages(cells: dict[str, Any]) -> Iterator[str]:
    answers = cells.get("pages", {}).get("answers")
    if answers is not None:
        yield "## Whole pages"
        yield ""
        yield (
            "transformers as the model card has it: the raw page in float32, greedy, 1,024 new tokens at most. It is "
            "given the generation prompt and the bundled model's penalty (none), and writes as many tokens as our "
            "Markdown has: raw pages are longer than that model was trained on, and it ends anywhere."
        )
        yield ""
        yield "| page | | s | prompt tokens | output tokens | prefill s | decode s |"
        yield "|---|---|---|---|---|---|---|"
        for number, name in enumerate(cells["pages"]["pages"]):
            for who, found in answers.items():
                one = found[number]
                label = "transformers float32" if who == CARD else who
                yield (
                    f"| {name} | {label} | {one['seconds']:.1f} | {one['prompt_tokens']} | {one['output_tokens']} | "
                    f"{one['prefill_seconds']:.1f} | {one['decode_seconds']:.1f} |"
                )
        yield ""
