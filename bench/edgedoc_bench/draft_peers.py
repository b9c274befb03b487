"""What edgedoc's drafts are measured against: other runtimes of the same files, with their own drafts and without.

Run as `python -m edgedoc_bench.draft_peers` by `child.Child`; it is given `peer` ("llama-cpp-python" or
"onnxruntime-genai"), `artifact` (a folder), `threads`, `context` and `drafts` ("off" or one of DRAFTED). Every peer
gets the ids of the prompt and runs as its documentation says, in a context long enough. Knows no report.
"""

import json
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np

from edgedoc.artifact import Artifact
from edgedoc_bench.child import Answer, Work, serve

DRAFTED = {"on": 10, "on, 2 tokens": 2}
"""Tokens a draft: 10 is LlamaPromptLookupDecoding's default, 2 what llama-cpp-python's README advises for CPUs."""

NGRAM = 3
"""Tokens that have to match for onnxruntime-genai. Of 2 to 12 tokens to match and 10 or 16 (its most) to draft, 3 and
10 took the least time on nano-reader int8; shorter ones match too much, longer ones too little."""


def load_llama(given: dict[str, Any]) -> Work:
    """llama-cpp-python's create_completion, greedy; with its LlamaPromptLookupDecoding when drafts are on.

    With drafts it keeps the logits of every position, and without `logits_all` its array for them holds one batch:
    a prompt longer than 512 tokens ends in ValueError (0.3.36, Llama.eval).
    """
    import llama_cpp
    from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

    drafting = given["drafts"] in DRAFTED
    artifact = Artifact.open(Path(given["artifact"]))
    lookup = LlamaPromptLookupDecoding(num_pred_tokens=DRAFTED.get(given["drafts"], 0))
    drafts: list[int] = []

    def counted(ids: Any) -> Any:
        found = lookup(ids)
        drafts.append(len(found))
        return found

    llama = llama_cpp.Llama(
        str(artifact.model_path),
        n_ctx=given["context"],
        n_threads=given["threads"],
        n_threads_batch=given["threads"],
        logits_all=drafting,
        draft_model=cast(Any, counted) if drafting else None,
        verbose=False,
    )
    penalty = artifact.recipe.decoding.repetition_penalty

    def work(passage: dict[str, Any]) -> Answer:
        first: list[float] = []
        drafts.clear()

        def watch(ids: object, scores: object) -> bool:
            if not first:
                first.append(perf_counter())
            return False

        if llama.n_tokens and list(llama.input_ids[: len(passage["tokens"])]) == list(passage["tokens"]):
            # The same prompt once more would be found in its cache, and nothing would be read.
            llama.reset()
        begin = perf_counter()
        found: Any = llama.create_completion(
            passage["tokens"],
            max_tokens=passage["budget"],
            temperature=0.0,
            repeat_penalty=penalty,
            stopping_criteria=llama_cpp.StoppingCriteriaList([watch]),
        )
        end = perf_counter()
        written = found["usage"]["completion_tokens"]
        return {
            "text": found["choices"][0]["text"],
            "output_tokens": written,
            "finish": found["choices"][0]["finish_reason"],
            # One evaluation of the prompt, and one after each draft but the last, which nobody asks for.
            "steps": 1 + len(drafts) if drafting else 1 + written,
            "drafted": sum(drafts),
            "prefill_seconds": first[0] - begin,
            "decode_seconds": end - first[0],
            "seconds": end - begin,
        }

    return work


def load_genai(given: dict[str, Any]) -> Work:
    """onnxruntime-genai, greedy; with its n-gram speculation when drafts are on."""
    import onnxruntime_genai as og

    folder = Path(given["artifact"])
    config = og.Config(str(folder))
    threads = {"intra_op_num_threads": given["threads"]}
    config.overlay(json.dumps({"model": {"decoder": {"session_options": threads}}}))
    model = og.Model(config)
    tokenizer = og.Tokenizer(model)

    def work(passage: dict[str, Any]) -> Answer:
        prompt = np.array(passage["tokens"], np.int32)
        parameters = og.GeneratorParams(model)
        parameters.set_search_options(max_length=len(prompt) + passage["budget"])
        if given["drafts"] in DRAFTED:
            parameters.set_speculative_options(ngram_size=NGRAM, max_draft_tokens=DRAFTED[given["drafts"]])
        begin = perf_counter()
        generator = og.Generator(model, parameters)
        generator.append_tokens(prompt)
        prefilled = perf_counter()
        calls = 0
        while not generator.is_done():
            generator.generate_next_token()
            calls += 1
        end = perf_counter()
        tokens = [int(token) for token in generator.get_sequence(0)[len(prompt) :]]
        found = {
            "tokens": tokens,
            "text": str(tokenizer.decode(np.array(tokens, np.int32))),
            "output_tokens": len(tokens),
            "finish": "stop" if len(tokens) < passage["budget"] else "length",
            "steps": calls,
            "prefill_seconds": prefilled - begin,
            "decode_seconds": end - prefilled,
            "seconds": end - begin,
        }
        if given["drafts"] in DRAFTED:
            told = generator.get_speculative_stats()
            # Where nothing matches it takes a plain step.
            found["steps"] = 1 + told["target_verify_forward_passes"] + told["standard_fallback_steps"]
            found["drafted"] = told["draft_tokens_proposed"]
            found["accepted"] = told["draft_tokens_accepted"]
        return found

    return work


LOADERS = {"llama-cpp-python": load_llama, "onnxruntime-genai": load_genai}

if __name__ == "__main__":
    serve(lambda given: ({}, LOADERS[given["peer"]](given)))
