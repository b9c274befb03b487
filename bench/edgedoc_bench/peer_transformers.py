"""The recipe on reader-lm's model card: the whole page, raw, through transformers in float32. Knows no edgedoc.

As the card (https://huggingface.co/jinaai/reader-lm-0.5b): the page is the user's turn, greedy, at most 1,024 new
tokens. Not as the card: the generation prompt is supplied, without which the model has to write it itself, and the
penalty for repetitions is the recipe's. A page that leaves the context no room for an answer keeps its end, unless the
number of tokens to write is given.
"""

from time import perf_counter
from typing import Any, Protocol

MAX_NEW_TOKENS = 1024


class Convert(Protocol):
    """Turns a page into an answer and its bill, the keys as in a `sample` row."""

    def __call__(self, page: str, tokens: int | None = None) -> dict[str, Any]:
        """Given how many `tokens` to write, the model gets the whole page however long; else it ends where it likes."""


def load(checkpoint: str, threads: int | None, penalty: float) -> Convert:
    """The model on so many threads. Raises ImportError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteriaList

    if threads is not None:
        torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, local_files_only=True, dtype=torch.float32)
    model.eval()
    room = model.config.max_position_embeddings - MAX_NEW_TOKENS

    def work(page: str, tokens: int | None = None) -> dict[str, Any]:
        most = MAX_NEW_TOKENS if tokens is None else min(tokens, MAX_NEW_TOKENS)
        first: list[float] = []

        def watch(ids: Any, scores: object) -> Any:
            if not first:
                first.append(perf_counter())
            return torch.zeros(len(ids), dtype=torch.bool)

        begin = perf_counter()
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": page}], tokenize=False, add_generation_prompt=True
        )
        prompt = tokenizer.encode(text, return_tensors="pt")
        if tokens is None:
            prompt = prompt[:, -room:]
        with torch.inference_mode():
            ids = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                min_new_tokens=None if tokens is None else most,
                max_new_tokens=most,
                do_sample=False,
                repetition_penalty=penalty,
                stopping_criteria=StoppingCriteriaList([watch]),
            )[0]
        written = ids[prompt.shape[1] :]
        answer = tokenizer.decode(written, skip_special_tokens=True)
        end = perf_counter()
        return {
            "text": answer,
            "seconds": end - begin,
            "prompt_tokens": prompt.shape[1],
            "output_tokens": len(written),
            "finish": "length" if len(written) == most else "stop",
            "prefill_seconds": first[0] - begin,
            "decode_seconds": end - first[0],
        }

    return work
