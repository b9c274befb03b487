"""What a batch costs beside its models, and that nothing kills it: the figures of `edgedoc process`.

    python -m edgedoc_bench.batch_bench [--kills 50] [--kill-documents 2000] [--documents 1000 10000 100000]
        [--model-documents 60] [--model-kills 5] [--pairs 3]

Kills, workers that crash or hang, memory and the cost of a document are of documents without a model; isolation and
two workers against one of the bundled models at eight bits, single-threaded, drafts off.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgedoc_bench.batch_job import Spec, finish, start
from edgedoc_bench.batch_kill import killed
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_bench.spread import Spread
from edgedoc_export.build import export

BAD_EVERY = 50


def documents(path: Path, count: int, *, bad_every: int = 0) -> Path:
    """`count` short texts as JSON lines; every `bad_every`-th crashes its worker or, in turn, hangs it."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            bad = bad_every and number % bad_every == bad_every - 1
            word = ("CRASH", "HANG")[number // bad_every % 2] if bad else "text"
            file.write(json.dumps({"text": f"{word} {number} {random.Random(number).randbytes(300).hex()}"}) + "\n")
    return path


def pages(path: Path, count: int) -> Path:
    """`count` small pages as JSON lines."""
    words = ["tea", "water", "lamp", "harbour", "north", "window", "letter", "stone", "early", "quiet", "bread", "road"]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            rng = random.Random(number)
            sentences = " ".join(f"The {rng.choice(words)} is {rng.choice(words)} {number}." for _ in range(4))
            html = f"<html><body><h1>Page {number}</h1><p>{sentences}</p></body></html>"
            file.write(json.dumps({"html": html}) + "\n")
    return path


def cost(folder: Path, counts: list[int], workers: int) -> Iterator[dict[str, Any]]:
    """A row a number of documents that take no time: milliseconds each by the wall and of the job's own process."""
    for count in counts:
        source = documents(folder / f"{count}.jsonl", count)
        found = finish(start(Spec(inputs=[str(source)], out=str(folder / f"cost-{workers}-{count}"), workers=workers)))
        yield {
            "workers": workers,
            "documents": count,
            "wall_ms": 1000 * found["seconds"] / count,
            "steady_ms": 1000 * found["steady_seconds"] / count,
            "own_ms": 1000 * found["own_seconds"] / count,
            "peak_bytes": found["peak_bytes"],
        }


def bad_documents(folder: Path, count: int) -> dict[str, Any]:
    """Every BAD_EVERY-th document crashes or hangs its worker."""
    source = documents(folder / "bad.jsonl", count, bad_every=BAD_EVERY)
    found = finish(start(Spec(inputs=[str(source)], out=str(folder / "bad.out"), workers=2, time_limit=1.0)))
    return {"documents": count, "bad": count // BAD_EVERY, **found["tally"], **{"restarts": found["restarts"]}}


def with_ray(folder: Path, count: int, models: tuple[str, str]) -> dict[str, Any]:
    """Two actors of a local cluster against two workers, documents a second without starting either."""
    source = pages(folder / "ray.jsonl", count)
    spec = Spec(inputs=[str(source)], out=str(folder / "ray"), workers=2, models=models)
    pool, ray = steady(spec, "pool"), steady(replace(spec, on_ray=True), "ray")
    return {"documents": count, "pool": pool, "ray": ray}


def steady(spec: Spec, run: str) -> float:
    """Documents a second between the first and the last: loading the models is left out."""
    found = finish(start(replace(spec, out=f"{spec.out}.{run}")))
    return float((found["tally"]["documents"] - 1) / found["steady_seconds"])


def with_models(folder: Path, count: int, kills: int, pairs: int, models: tuple[str, str]) -> dict[str, Any]:
    """Isolation against this process, and two workers against one, in turn; and kills."""
    source = pages(folder / "pages.jsonl", count)
    spec = Spec(inputs=[str(source)], out=str(folder / "model"), workers=0, models=models)
    rates: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for pair in range(pairs):
        for workers, found in rates.items():
            found.append(steady(replace(spec, workers=workers), f"{workers}-{pair}"))
    overhead = Spread.of([alone / isolated - 1 for alone, isolated in zip(rates[0], rates[1], strict=True)])
    gain = Spread.of([two / one for two, one in zip(rates[2], rates[1], strict=True)])
    return {
        "documents": count,
        "rates": {str(workers): vars(Spread.of(found)) for workers, found in rates.items()},
        "overhead": vars(overhead),
        "gain": vars(gain),
        "killed": killed(replace(spec, workers=1, out=str(folder / "model-kill")), kills, 6.0) if kills else None,
    }


def main() -> None:
    """Measure, print, write batch.json and batch.md."""
    options = _options()
    machine = describe()
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        reader, chunker = (
            str(export(name, preset="int8", out=folder / name)) for name in ("nano-reader", "nano-chunker-simple")
        )
        models = (reader, chunker)
        source = documents(folder / "kill.jsonl", options.kill_documents)
        spec = Spec(inputs=[str(source)], out=str(folder / "kill"), workers=2, document_seconds=0.01)
        result = {
            "machine": machine.as_dict(),
            "kills": killed(spec, options.kills, options.longest),
            "bad": bad_documents(folder, options.bad_documents),
            "cost": [row for workers in (0, 1) for row in cost(folder, options.documents, workers)],
            "models": with_models(folder, options.model_documents, options.model_kills, options.pairs, models),
            "ray": with_ray(folder, options.ray_documents, models) if options.ray_documents else None,
        }
    publish(options.out / "batch.json", result, page(result, machine))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-documents", type=int, default=500)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds a job lives at most before it is killed")
    parser.add_argument("--bad-documents", type=int, default=500)
    parser.add_argument("--documents", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--model-documents", type=int, default=40)
    parser.add_argument("--model-kills", type=int, default=3)
    parser.add_argument("--ray-documents", type=int, default=0, help="needs edgedoc[ray]; 0 leaves it out")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's temporary folder")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def page(result: dict[str, Any], machine: Machine) -> str:
    """The report for people."""
    kills, bad, models = result["kills"], result["bad"], result["models"]
    lines = ["# What a batch costs beside its models, and what it survives", ""]
    if machine.busy:
        lines += ["**The machine was busy: times and rates say little; counts and memory hold.**", ""]
    for what, found in (("documents of 10 ms without a model", kills), ("bundled models", models["killed"])):
        if found is not None:
            lines.append(
                f"kill -9 of the whole job at random moments, {what}: {found['kills']} kills, {found['jobs']} jobs of "
                f"{found['documents']:,} documents; {found['lost']} lost, {found['doubled']} doubled, "
                f"{found['different']} outputs differ from an undisturbed run's apart from timings."
            )
    lines += [
        "",
        f"Every {BAD_EVERY}th of {bad['documents']:,} documents crashes its worker (twice) or hangs it (limit 1 s): "
        f"{bad['ok']:,} ok, {bad['failed']} failed of {bad['bad']} bad ones, {bad['restarts']} workers replaced.",
        "",
        "| workers | documents that take no time | ms a document, wall | without start-up | job's own CPU | peak MB |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row['workers'] or 'in process'} | {row['documents']:,} | {row['wall_ms']:.3f} | "
            f"{row['steady_ms']:.3f} | {row['own_ms']:.3f} | {row['peak_bytes'] / 1e6:.1f} |"
            for row in result["cost"]
        ),
        "",
        f"Bundled models, {models['documents']} small pages, documents a second without loading, median "
        "(lowest-highest), in turn:",
        "",
        "| in process | 1 worker | 2 workers | cost of isolation | 2 workers / 1 |",
        "|---|---|---|---|---|",
        "| "
        + " | ".join(Spread(**models["rates"][name]).text(2) for name in ("0", "1", "2"))
        + f" | {Spread(**models['overhead']).text(3)} | {Spread(**models['gain']).text(2)} |",
        "",
        *_ray_lines(result["ray"]),
        machine.line(),
        "",
    ]
    return "\n".join(lines)


def _ray_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"A local Ray cluster of two actors against two workers, {found['documents']} small pages, once each: "
        f"{found['ray']:.2f} and {found['pool']:.2f} documents a second.",
        "",
    ]


if __name__ == "__main__":
    main()
