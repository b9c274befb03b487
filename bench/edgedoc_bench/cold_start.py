"""From starting Python to the first token, in fresh processes: what a user of a command line waits for.

`python -m edgedoc_bench.cold_start MODEL` is the process that is timed; `measure` starts it.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

PAGE = "<html><body><h1>Opening hours</h1><p>We open at nine.</p></body></html>"


def measure(model: Path, runs: int) -> list[dict[str, float]]:
    """Seconds of each phase and in total for `runs` fresh processes, after one that only fills the file cache."""
    samples = []
    for _ in range(runs + 1):
        begin = perf_counter()
        child = subprocess.run(
            [sys.executable, "-m", "edgedoc_bench.cold_start", str(model)], capture_output=True, text=True, check=True
        )
        total = perf_counter() - begin
        samples.append({**json.loads(child.stdout), "total": total})
    return samples[1:]


def main() -> None:
    """Load an artifact folder, or a bare model file with made-up tokens; print the seconds of each phase as JSON."""
    begin = perf_counter()
    from edgedoc import engines

    model = Path(sys.argv[1])
    if model.is_dir():
        from edgedoc.artifact import Artifact
        from edgedoc.tokens import Prompt, Tokenizer

        artifact = Artifact.open(model)
        prompt = Prompt(artifact.recipe, Tokenizer.from_file(artifact.tokenizer_path)).render(PAGE)
    else:
        prompt = list(range(60))
    tokenized = perf_counter()
    engine = engines.load(model)
    loaded = perf_counter()
    int(engine.extend(prompt)[0].argmax())
    first = perf_counter()
    print(json.dumps({"tokenize": tokenized - begin, "load": loaded - tokenized, "first_token": first - loaded}))


if __name__ == "__main__":
    main()
