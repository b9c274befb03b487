"""The recipe on reader-lm's model card, as a contender of the draft bench: raw HTML through transformers in float32.

Run as `PYTHON -m edgedoc_bench.draft_card` by `child.Child`, in an environment that has torch and transformers; it is
given `checkpoint` (a folder), `threads` and `penalty`. `peer_transformers` says what is as on the card and what is not;
here it also writes as many tokens as it is told to, because the bundled model, on pages longer than it was trained on,
ends anywhere. Knows no report.
"""

from typing import Any

from edgedoc_bench import peer_transformers
from edgedoc_bench.child import Answer, Work, serve

BILL = ("seconds", "prompt_tokens", "output_tokens", "prefill_seconds", "decode_seconds")


def load(given: dict[str, Any]) -> tuple[Answer, Work]:
    """See `child.serve`. A question is HTML to `convert`, and how many tokens to `write`."""
    convert = peer_transformers.load(given["checkpoint"], given["threads"], given["penalty"])

    def work(asked: dict[str, Any]) -> Answer:
        answer = convert(asked["convert"], asked["write"])
        return {name: answer[name] for name in BILL}

    return {}, work


if __name__ == "__main__":
    serve(load)
