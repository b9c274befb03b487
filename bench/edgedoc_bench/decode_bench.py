"""What edgedoc's engine and loop cost on top of llama.cpp, and how soon the first token comes.

    python -m edgedoc_bench.decode_bench [--model FILE.gguf] [--cold-model ARTIFACT|FILE.gguf] [--pairs 7]

Without a model it writes one of reader-lm-0.5b's shapes with random weights. Quality is no subject here.
"""

import argparse
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edgedoc.decoding.driver import run
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.gguf_header import read_header
from edgedoc.engines.llama import LlamaEngine
from edgedoc_bench import cold_start
from edgedoc_bench.bare_loop import run_bare
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_bench.random_model import READER_LM_MERGES, write_random_gguf
from edgedoc_bench.spread import Spread
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.random_weights import READER_LM_05B

TARGET_RATIO = 0.97
TARGET_COLD_SECONDS = 1.0
PENALTY = 1.08
"""reader-lm's; any value but 1.0 costs the same."""

NANO = Qwen2Config(
    hidden_size=256,
    layers=4,
    heads=4,
    kv_heads=2,
    head_dim=64,
    intermediate_size=640,
    vocab_size=2048,
    rope_theta=1e6,
    rms_norm_eps=1e-6,
    tie_word_embeddings=True,
    max_position_embeddings=2048,
)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Tokens a second with edgedoc and with the bare loop, and the ratio within each pair of neighbouring runs."""

    edgedoc: Spread
    bare: Spread
    ratio: Spread


def compare(engine: LlamaEngine, prompt_tokens: int, output_tokens: int, pairs: int) -> tuple[Rates, Rates]:
    """Prefill and decode rates, edgedoc and bare in turn, after one unmeasured pair."""
    rng = random.Random(0)
    prompt = [rng.randrange(engine.vocab_size) for _ in range(prompt_tokens)]
    # Random weights soon repeat themselves; a guard for a document that repeats as much never stops them.
    tolerant = [0] * 2 * output_tokens
    prefill: list[tuple[float, float]] = []
    decode: list[tuple[float, float]] = []
    for _ in range(pairs + 1):
        guard, penalty = LoopGuard(tolerant), RepetitionPenalty(PENALTY)
        ours = run(engine, prompt, stop=frozenset(), budget=output_tokens + 1, penalty=penalty, guard=guard)
        bare = run_bare(engine, prompt, output_tokens)
        if ours.steps != output_tokens + 1:
            raise RuntimeError(f"decoding ended after {ours.steps} steps ({ours.finish})")
        prefill.append((prompt_tokens / ours.prefill_seconds, prompt_tokens / bare.prefill_seconds))
        decode.append((output_tokens / ours.decode_seconds, output_tokens / bare.decode_seconds))
    return _rates(prefill[1:]), _rates(decode[1:])


def _rates(samples: list[tuple[float, float]]) -> Rates:
    return Rates(
        edgedoc=Spread.of([ours for ours, _ in samples]),
        bare=Spread.of([bare for _, bare in samples]),
        ratio=Spread.of([ours / bare for ours, bare in samples]),
    )


def main() -> None:
    """Measure, print the table, write decode-bench.json and decode-bench.md."""
    options = _options()
    machine = describe()
    with TemporaryDirectory() as folder:
        shape = "as given"
        model = options.model
        if model is None:
            shape = "reader-lm-0.5b's shapes, random weights"
            model = write_random_gguf(
                Path(folder) / "reader-lm-0.5b-random-q4_0.gguf", READER_LM_05B, "q4_0", merges=READER_LM_MERGES
            )
        header = read_header(model)
        engine = LlamaEngine.load(
            model, threads=options.threads, context_length=options.prompt_tokens + options.output_tokens + 8
        )
        prefill, decode = compare(engine, options.prompt_tokens, options.output_tokens, options.pairs)
        engine.close()
        cold_model = options.cold_model
        if cold_model is None:
            cold_model = write_random_gguf(Path(folder) / "nano-random-q4_0.gguf", NANO, "q4_0", merges=1700)
        cold = cold_start.measure(cold_model, options.pairs)
    result = {
        "machine": machine.as_dict(),
        "model": {"file": model.name, "shape": shape, "bytes": header.file_size, "tensor_types": header.tensor_types},
        "prompt_tokens": options.prompt_tokens,
        "output_tokens": options.output_tokens,
        "prefill": asdict(prefill),
        "decode": asdict(decode),
        "cold_start": {"model": cold_model.name, "seconds": cold},
    }
    page = _page(machine, f"{model.name} ({shape})", cold_model.name, prefill, decode, cold, options)
    publish(options.out / "decode-bench.json", result, page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a GGUF file")
    parser.add_argument("--cold-model", type=Path, help="an artifact folder or GGUF file for the cold start")
    parser.add_argument("--pairs", type=int, default=7, help="measured runs of each side, and cold starts")
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--output-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def _page(
    machine: Machine,
    model: str,
    cold_model: str,
    prefill: Rates,
    decode: Rates,
    cold: list[dict[str, float]],
    options: argparse.Namespace,
) -> str:
    def row(name: str, rates: Rates) -> str:
        return f"| {name} | {rates.edgedoc.text(1)} | {rates.bare.text(1)} | {rates.ratio.text(3)} | {TARGET_RATIO} |"

    start = Spread.of([sample["total"] for sample in cold])
    phases = ", ".join(
        f"{name.replace('_', ' ')} {Spread.of([sample[name] for sample in cold]).median:.3f} s"
        for name in ("tokenize", "load", "first_token")
    )
    lines = [
        "# Cost of edgedoc's engine and loop over a bare llama_decode loop",
        "",
        f"{model}; {options.prompt_tokens} tokens of prompt, {options.output_tokens} of output, {options.pairs} runs "
        "of each side in turn, same native context; median (lowest-highest). edgedoc includes greedy choice, "
        "repetition penalty and loop guard, the bare loop includes none.",
        "",
        *(["**The machine was busy: these figures say that it works, not how fast.**", ""] if machine.busy else []),
        "| | edgedoc, tokens/s | bare, tokens/s | ratio within a pair | target at least |",
        "|---|---|---|---|---|",
        row("prefill", prefill),
        row("decode", decode),
        "",
        f"Cold start, {cold_model}: {start.text(3)} s from process start to first token, {start.samples} fresh "
        f"processes (target below {TARGET_COLD_SECONDS:.0f} s; {phases}).",
        "",
        machine.line(),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
