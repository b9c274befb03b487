"""The same weights in other hands, measured as their own documentation says. Optional: who is not installed is skipped.

llama-cpp-python's high-level class, onnxruntime-genai and OpenVINO GenAI get the windows that edgedoc makes, as token
ids; transformers gets what the checkpoint's card tells people to do: the whole page, in float32.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.corpus import Sample
from edgedoc_bench.sample_rows import bill

Work = Callable[[dict[str, Any]], dict[str, Any]]

FORMATS: dict[str, str | None] = {
    "transformers-fp32": None,
    "llama-cpp-python": "gguf",
    "onnxruntime-genai": "onnx",
    "openvino-genai": "gguf",
}
"""What each of `suite.PEERS` runs: artifacts of a format, or the checkpoint itself."""


def runs(peer: str, format: str, preset: str) -> bool:
    """Whether a peer can run such an artifact.

    OpenVINO reads F16, Q8_0, Q4_0 and Q4_K_M (https://openvinotoolkit.github.io/openvino.genai/docs/guides/gguf), and
    not float32.
    """
    return FORMATS[peer] == format and (peer != "openvino-genai" or preset not in ("f32", "bf16"))


SPARE = 64
"""Positions."""


def peer_name(peer: str, model: str) -> str:
    """The subject's name: "llama-cpp-python: nano-reader gguf int8"."""
    return f"{peer}: {model}"


class CardSubject:
    """A checkpoint in transformers, by the recipe on its card. Runs where edgedoc's own requirements may be missing."""

    plan = load_seconds = None

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        from edgedoc_bench.peer_transformers import load

        self._samples = samples
        self._work = load(order.model or "", order.threads, order.penalty)

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`."""
        sample = self._samples[item]
        found = self._work(sample.source)
        row = {**bill(sample, found["seconds"], found["text"], found["prefill_seconds"]), **_sums([found])}
        told = {"flags": [[]], "finish": [found["finish"]]}
        return Answer(rows=[row], seconds=found["seconds"], text=found["text"], output=told)


class WindowSubject:
    """An artifact in another runtime, window by window; cleaning and joining are edgedoc's, and in the seconds."""

    plan = load_seconds = None

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        from edgedoc.artifact import Artifact
        from edgedoc.tasks.budget import contexts, window_budget
        from edgedoc.tokens import Prompt, Tokenizer

        artifact = Artifact.open(Path(order.model or ""))
        self._recipe, self._samples = artifact.recipe, samples
        self._tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
        self._prompt = Prompt(self._recipe, self._tokenizer)
        context, _ = contexts(self._recipe, self._prompt.overhead)
        self._budget = window_budget(self._recipe, self._prompt.overhead, context)
        # In its prompt a window may come out a few tokens longer than alone; edgedoc's engine has room for that.
        given = {"artifact": order.model, "threads": order.threads, "context": context + SPARE, "drafts": "off"}
        self._work = _loader(order.name)(given)

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`."""
        from edgedoc.documents.clean import clean
        from edgedoc.documents.windows import join_markdown, windows

        sample, started = self._samples[item], perf_counter()
        parts = windows(clean(sample.source).html, self._budget, self._tokenizer.count)
        asked, done = perf_counter() - started, []
        for part in parts:
            budget = self._recipe.decoding.budget(self._tokenizer.count(part.html))
            tokens = self._prompt.render(part.html)
            done.append({**self._work({"tokens": tokens, "budget": budget}), "prompt_tokens": len(tokens)})
        text = join_markdown(parts, [found["text"].strip() for found in done])
        seconds = perf_counter() - started
        first = asked + done[0]["prefill_seconds"] if done else None
        row = {**bill(sample, seconds, text, first), **_sums(done)}
        told = {"flags": [[] for _ in done], "finish": [found["finish"] for found in done]}
        return Answer(rows=[row], seconds=seconds, text=text, output=told)


def _loader(name: str) -> Callable[[dict[str, Any]], Work]:
    from edgedoc_bench import draft_peers

    peer = name.split(":")[0]
    return load_openvino if peer == "openvino-genai" else draft_peers.LOADERS[peer]


def load_openvino(given: dict[str, Any]) -> Work:
    """OpenVINO GenAI's LLMPipeline over the GGUF file, greedy, on the ids it is given."""
    import numpy as np
    import openvino
    import openvino_genai

    from edgedoc.artifact import Artifact

    artifact = Artifact.open(Path(given["artifact"]))
    options = {"INFERENCE_NUM_THREADS": given["threads"]}
    pipeline = openvino_genai.LLMPipeline(str(artifact.model_path), "CPU", **options)
    tokenizer = pipeline.get_tokenizer()

    def work(passage: dict[str, Any]) -> dict[str, Any]:
        first: list[float] = []

        def watch(text: str) -> Any:
            if not first:
                first.append(perf_counter())
            return openvino_genai.StreamingStatus.RUNNING

        ids = np.array([passage["tokens"]], np.int64)
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.do_sample, config.apply_chat_template = passage["budget"], False, False
        config.repetition_penalty = artifact.recipe.decoding.repetition_penalty
        begin = perf_counter()
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        found = pipeline.generate(inputs, config, watch)
        end = perf_counter()
        written = list(found.tokens[0])
        return {
            "text": tokenizer.decode(written),
            "output_tokens": len(written),
            "finish": "stop" if len(written) < passage["budget"] else "length",
            "steps": len(written),
            "prefill_seconds": (first[0] if first else end) - begin,
            "decode_seconds": end - first[0] if first else 0.0,
        }

    return work


def _sums(windows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = ("output_tokens", "prefill_seconds", "decode_seconds")
    return {
        **{name: sum(found[name] for found in windows) for name in names},
        "prefill_tokens": sum(found["prompt_tokens"] for found in windows),
        "steps": sum(found.get("steps", found["output_tokens"]) for found in windows),
        "windows": len(windows),
        **dict.fromkeys(("flagged", "fallbacks", "drafted", "accepted"), 0),
    }
