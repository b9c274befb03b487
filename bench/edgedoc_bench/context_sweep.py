"""What a token costs as the context fills: prefill and decode at growing depths. Knows no text.

Attention reads the cache of every position, so both get dearer with depth; a model's window is chosen on this curve.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from edgedoc import engines
from edgedoc.artifact import Artifact
from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.corpus import Sample

SEED = 0
WARM_UP = 64
"""Tokens."""


class ContextSubject:
    """An artifact fed made-up tokens: an item is one sweep over all depths that the model and the memory allow."""

    load_seconds = None

    def __init__(self, order: Order, samples: Sequence[Sample] = ()) -> None:
        """No document is read: `samples` are there because every subject is made with some."""
        artifact = Artifact.open(Path(order.model or ""))
        room = artifact.recipe.context - order.decode
        depths = sorted({min(depth, room) for depth in order.depths})
        self._engine = engines.load(
            artifact,
            context_length=depths[-1] + order.decode,
            minimum_context=depths[0] + order.decode,
            threads=order.threads,
        )
        self._depths = [depth for depth in depths if depth + order.decode <= self._engine.context_length]
        self._decode = order.decode
        self.plan = getattr(self._engine, "plan", None)
        generator = random.Random(SEED)
        count = self._depths[-1] + order.decode
        self._tokens = [generator.randrange(self._engine.vocab_size) for _ in range(count)]
        # Pages in, threads awake: the first depth would pay for both.
        self._engine.extend(self._tokens[: min(WARM_UP, depths[0])])

    def serve(self, item: int) -> Answer:
        """One sweep; see `cell_contract.Subject`. Raises EngineError."""
        rows = []
        begin = perf_counter()
        self._engine.rewind(0)
        position = 0
        for depth in self._depths:
            started = perf_counter()
            self._engine.extend(self._tokens[position:depth])
            prefilled = perf_counter()
            for token in self._tokens[depth : depth + self._decode]:
                self._engine.extend([token])
            ended = perf_counter()
            rows.append(
                {
                    "kind": "context",
                    "depth": depth,
                    "prefill_tokens": depth - position,
                    "prefill_seconds": prefilled - started,
                    "decode_tokens": self._decode,
                    "decode_seconds": ended - prefilled,
                }
            )
            self._engine.rewind(depth)
            position = depth
        return Answer(rows=rows, seconds=perf_counter() - begin)
