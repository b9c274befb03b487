"""The recipe on reader-lm's model card, as a contender of the draft bench: raw HTML through transformers in float32.

Run as `PYTHON -m edgedoc_bench.draft_card GIVEN` by `draft_process.Worker`, in an environment that has torch and
transformers; GIVEN has `checkpoint` (a folder), `threads` and `penalty`. `peer_transformers` says what is as on the
card and what is not; here it also writes as many tokens as it is told to, because the bundled model, on pages longer
than it was trained on, ends anywhere. Knows no report.
"""

from collections.abc import Callable
from typing import Any

from edgedoc_bench import peer_transformers
from edgedoc_bench.draft_process import Answer, serve

BILL = ("seconds", "prompt_tokens", "output_tokens", "prefill_seconds", "decode_seconds")


def load(given: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    """See `draft_process.serve`. Work is HTML to `convert`, and how many tokens to `write`."""
    convert = peer_transformers.load(given["checkpoint"], given["threads"], given["penalty"])

    def work(asked: dict[str, Any]) -> Answer:
        answer = convert(asked["convert"], asked["write"])
        return {name: answer[name] for name in BILL}

    return work


if __name__ == "__main__":
    serve(load)
