"""edgedoc's ONNX artifacts next to the best graphs of other tools: size, speed, memory, export; every figure measured.

    python -m edgedoc_bench.onnx_bench --peers FOLDER [--checkpoint random|NAME|FOLDER] [--rounds 60] [--threads 2]

FOLDER is what `edgedoc_bench.onnx_peers` makes; without it only ours is measured. The peers run in onnxruntime itself
(`onnx_bound`), with a prompt of 512 tokens at once and the logits of every token, for their graphs have no other way;
ours runs in edgedoc's engine as users get it. Needs 4 GB of disk with random weights. Quality is no subject here.
"""

import argparse
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgedoc.artifact import Artifact
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.onnx_cell import run_apart
from edgedoc_bench.onnx_pair import PROMPT, STEPS
from edgedoc_bench.onnx_table import Summary, growth, page, ratio, rows
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.random_weights import READER_LM_05B, random_checkpoint
from edgedoc_export.sources import find_source

OUT = RESULTS / "onnx.json"
PRESETS = ("int4", "int8")
CONTEXT = 4096
"""Of the memory measurement; a model that can do less gets what it can."""
RANDOM, RECIPE = "random", "reader-lm-0.5b"
"""A folder without a recipe of its own is read as this one."""


def measure(
    checkpoint: str, recipe: str | None, preset: str, peer: Path | None, scratch: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One preset: bytes, export, memory and timing; all in processes of their own."""
    threads = options.threads
    costs = []
    for number in range(options.exports):
        out = scratch / f"{preset}-{number}"
        costs.append(run_apart("export", checkpoint=checkpoint, preset=preset, out=out, recipe=recipe))
        if number:
            _remove(out)
    artifact = Artifact.open(scratch / f"{preset}-0")
    model = artifact.model_path
    found: dict[str, Any] = {
        "bytes": _bytes_without_tokenizer(artifact.path),
        "bits_per_weight": artifact.manifest.bits_per_weight,
        "export": {name: [cost[name] for cost in costs] for name in ("seconds", "peak_memory")},
    }
    trained = Checkpoint.open(find_source(_model(checkpoint), recipe=recipe).folder).config.max_position_embeddings
    context = min(CONTEXT, trained, artifact.recipe.context)
    memory = {"context": context}
    memory["ours"] = run_apart("memory", model=model, side="ours", threads=threads, context=context)["peak_memory"]
    if peer is not None:
        found["peer_bytes"] = _bytes_without_tokenizer(peer.parent)
        memory["peer"] = run_apart("memory", model=peer, side="peer", threads=threads, context=context)["peak_memory"]
    found["memory"] = memory
    halves = [
        run_apart("pair", ours=model, peer=peer, first=first, threads=threads, rounds=options.rounds)
        for first in (("ours", "peer") if peer is not None else ("ours",))
    ]
    found["timing"] = {
        "prefill": [times for half in halves for times in half["prefill"]],
        "decode": [times for half in halves for times in half["decode"]],
        "steps": {str(k): [times for half in halves for times in half["steps"][str(k)]] for k in STEPS},
    }
    # Of the decode ratio: how much the loading order matters, which pooling takes out.
    found["decode_by_order"] = [_plain(ratio(half["decode"])) for half in halves]
    _remove(artifact.path)
    return found


def main() -> None:
    """Measure, print the table, write OUT and the same as Markdown beside it."""
    options = _options()
    machine = describe()
    with TemporaryDirectory(dir=options.folder) as folder:
        scratch = Path(folder)
        checkpoint: str = options.checkpoint
        if checkpoint == RANDOM:
            checkpoint = str(random_checkpoint(READER_LM_05B, scratch / "checkpoint", seed=0))
        recipe = RECIPE if Path(checkpoint).is_dir() and not (Path(checkpoint) / "recipe.toml").is_file() else None
        presets = {
            preset: measure(checkpoint, recipe, preset, _peer(options.peers, preset), scratch, options)
            for preset in options.pairs
        }
    report = page(presets, _head(options, machine), machine.line())
    result = {
        "machine": machine.as_dict(),
        "tools": {name: metadata.version(name) for name in ("onnx", "onnxruntime")},
        "checkpoint": options.checkpoint,
        "threads": options.threads,
        "rounds": options.rounds,
        "prompt_tokens": PROMPT,
        "presets": {name: _summarised(found) for name, found in presets.items()},
        "rows": [row.as_dict() for row in rows(presets)],
    }
    publish(options.out, result, report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default=RANDOM, help="random: reader-lm-0.5b's shapes; a name or a folder")
    parser.add_argument("--peers", type=Path, help="folder with genai-int4 and genai-int8")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--rounds", type=int, default=60, help="rounds of decode, for either loading order")
    parser.add_argument("--exports", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", nargs="+", choices=PRESETS, default=list(PRESETS), help="presets to measure")
    parser.add_argument("--folder", type=Path, help="where to put 4 GB for a while; default: the temporary folder")
    return parser.parse_args()


def _head(options: argparse.Namespace, machine: Machine) -> list[str]:
    model = "reader-lm-0.5b's shapes, random weights" if options.checkpoint == RANDOM else options.checkpoint
    return [
        f"{model}, {options.threads} threads. Peers: onnxruntime-genai's int4 graph, and its fp32 graph through "
        "quantize_dynamic per channel, both in onnxruntime with the KV cache bound in place. Ratios are of two times "
        "of one round, both sessions in one process and in turn, pooled over both orders of loading.",
        *(["", "**The machine was busy: times say little; memory and sizes hold.**"] if machine.busy else []),
        *(["", "**The targets are for reader-lm-0.5b's shapes, which these are not.**"] if _differs(options) else []),
    ]


def _differs(options: argparse.Namespace) -> bool:
    if options.checkpoint == RANDOM:
        return False
    given = Checkpoint.open(find_source(_model(options.checkpoint), recipe=RECIPE).folder).config
    return given.parameters != READER_LM_05B.parameters


def _model(checkpoint: str) -> str | Path:
    return Path(checkpoint) if Path(checkpoint).is_dir() else checkpoint


def _peer(folder: Path | None, preset: str) -> Path | None:
    path = None if folder is None else folder / f"genai-{preset}" / "model.onnx"
    return path if path is not None and path.is_file() else None


def _bytes_without_tokenizer(folder: Path) -> int:
    return sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.name.startswith("tokenizer")
    )


def _summarised(found: dict[str, Any]) -> dict[str, Any]:
    timing = found["timing"]

    def told(times: list[list[float | None]]) -> dict[str, Any]:
        sides = {name: [pair[side] for pair in times] for side, name in enumerate(("ours", "peer"))}
        seconds = {
            name: _plain(Summary.of([value for value in values if value is not None]))
            for name, values in sides.items()
            if None not in values
        }
        return {"seconds": seconds, "ratio": _plain(ratio(times))}

    steps = {
        length: told(times) | {"growth": [_plain(growth(timing["steps"], side).get(length)) for side in range(2)]}
        for length, times in timing["steps"].items()
    }
    told_timing = {"prefill": told(timing["prefill"]), "decode": told(timing["decode"]), "steps": steps}
    return {**found, "timing": told_timing}


def _plain(summary: Summary | None) -> dict[str, float] | None:
    return None if summary is None else dict(vars(summary))


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
