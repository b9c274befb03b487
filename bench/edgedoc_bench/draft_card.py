"""The recipe on reader-lm's model card, as a contender of the draft bench: raw HTML through transformers in float32.

Run as `PYTHON -m edgedoc_bench.draft_card GIVEN` by `draft_process.Worker`, in an environment that has torch and
transformers; GIVEN has `checkpoint` (a folder), `threads` and `penalty`. As the card: the whole page as the user's
turn, greedy, 1,024 new tokens at most (https://huggingface.co/jinaai/reader-lm-0.5b). Not as the card: the generation
prompt is supplied, without which the model has to write it itself; the penalty is the recipe's; and it writes as many
tokens as it is told to, because the bundled model, on pages longer than it was trained on, ends anywhere. Knows no
report.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from edgedoc_bench.draft_process import Answer, serve

MAX_NEW_TOKENS = 1024


def load(given: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    """See `draft_process.serve`. Work is HTML to `convert`, and how many tokens to `write`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteriaList

    torch.set_num_threads(given["threads"])
    tokenizer = AutoTokenizer.from_pretrained(given["checkpoint"], local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(given["checkpoint"], local_files_only=True, dtype=torch.float32)
    model.eval()

    def work(asked: dict[str, Any]) -> Answer:
        first: list[float] = []

        def watch(ids: Any, scores: object) -> Any:
            if not first:
                first.append(perf_counter())
            return torch.zeros(len(ids), dtype=torch.bool)

        wanted = min(asked["write"], MAX_NEW_TOKENS)
        begin = perf_counter()
        messages = [{"role": "user", "content": asked["convert"]}]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer.encode(text, return_tensors="pt")
        with torch.inference_mode():
            ids = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                min_new_tokens=wanted,
                max_new_tokens=wanted,
                do_sample=False,
                repetition_penalty=given["penalty"],
                stopping_criteria=StoppingCriteriaList([watch]),
            )[0]
        written = ids[prompt.shape[1] :]
        tokenizer.decode(written, skip_special_tokens=True)
        end = perf_counter()
        return {
            "seconds": end - begin,
            "prompt_tokens": prompt.shape[1],
            "output_tokens": len(written),
            "prefill_seconds": first[0] - begin,
            "decode_seconds": end - first[0],
        }

    return work


if __name__ == "__main__":
    serve(load)
