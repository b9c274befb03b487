"""Jobs killed at random moments until they are done, and what they wrote. Knows no report."""

import json
import random
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgedoc_bench.batch_job import Spec, finish, start


def killed(spec: Spec, kills: int, longest: float, seed: int = 0) -> dict[str, Any]:
    """Run `spec` again and again, each run killed after up to `longest` seconds, until that happened `kills` times.

    A job that completes meanwhile is compared with an undisturbed one, and another begun. Counted are jobs, kills,
    documents in all outputs that are lost or doubled, and outputs that differ apart from timings.
    """
    begun = time.perf_counter()
    rng = random.Random(seed)
    undisturbed = replace(spec, out=f"{spec.out}.undisturbed.jsonl")
    finish(start(undisturbed))
    reference = stable(Path(undisturbed.out))
    found: Counter[str] = Counter(jobs=0, kills=0, lost=0, doubled=0, different=0)
    while found["kills"] < kills:
        job = replace(spec, out=f"{spec.out}.{found['jobs']}.jsonl")
        while found["kills"] < kills:
            process = start(job)
            try:
                process.wait(rng.random() * longest)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                found["kills"] += 1
        # Once more, undisturbed: the output of a job that was done is to stay what it was.
        finish(start(job))
        lines = stable(Path(job.out))
        sources = Counter(json.loads(line)["source"] for line in lines)
        expected = {json.loads(line)["source"] for line in reference}
        found["lost"] += len(expected - sources.keys())
        found["doubled"] += sum(times - 1 for times in sources.values())
        found["different"] += lines != reference
        found["jobs"] += 1
    return {**found, "documents": len(reference), "seconds": time.perf_counter() - begun}


def stable(path: Path) -> list[str]:
    """The lines of an output without their timings, byte for byte otherwise."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        seconds = json.dumps(row["seconds"], ensure_ascii=False)
        found.append(line.replace(f'"seconds": {seconds}', '"seconds": {}'))
    return found
