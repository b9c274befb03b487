"""The onnxruntime engine. Knows no text, no recipe and no decoding rule.

Two kinds of graph run: edgedoc's own, whose cache is written in place and which computes only the logits asked for,
and the standard one of optimum and transformers.js, which does neither. Inputs and outputs are bound by address, so
that a step allocates nothing and the logits arrive in the caller's array.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgedoc.engines.base import Logits
from edgedoc.engines.feeding import check_rewind, check_sizes, checked, pieces
from edgedoc.engines.host import usable_cores
from edgedoc.engines.memory import MemoryPlan
from edgedoc.engines.onnx_cache import Cache, GrowingCache, SharedCache
from edgedoc.engines.onnx_header import OnnxHeader, read_header
from edgedoc.engines.onnx_mapped import MappedWeights
from edgedoc.engines.onnx_memory import plan_memory
from edgedoc.engines.onnx_session import BACKENDS, Provider, failure, load_runtime, open_session, runtime_errors
from edgedoc.errors import ArtifactError, EngineError, UsageError

BATCH = 128
"""Tokens a run. GroupQueryAttention computes the scores of all positions and masks them after, so that a long prompt in
pieces does less, and takes queries in tiles of 128. At 0.5B in int8, 512 tokens take 0.97 of their time in pieces of
192, and those 0.8 of the time at once; pieces of 64 read the weights too often. Shorter pieces need less memory too."""


class OnnxEngine:
    """One ONNX model with one sequence in its KV cache. Implements `edgedoc.engines.base.Engine`."""

    def __init__(
        self,
        runtime: ModuleType,
        session: Any,
        header: OnnxHeader,
        plan: MemoryPlan,
        *,
        provider: Provider,
        weights: MappedWeights,
        batch: int = BATCH,
    ) -> None:
        """Takes ownership of `session` and of what it was lent; callers use `load`."""
        self.plan = plan
        self.provider = provider
        self._header = header
        self._session = session
        self._weights = weights
        self._binding = session.io_binding()
        self._position = 0
        self._batch = batch
        self._errors = runtime_errors()
        self._cache: Cache = (
            SharedCache(runtime, self._binding, header, plan.context_length, BACKENDS[provider].device)
            if header.in_place
            else GrowingCache(self._binding, header)
        )
        self._ids = np.zeros(batch, np.int64)
        self._mask = np.ones(plan.context_length, np.int64)
        self._positions = np.arange(plan.context_length, dtype=np.int64)
        self._num_logits = np.ones(1, np.int64)
        self._spare: Logits = np.empty((0 if header.in_place else batch, header.vocab_size), np.float32)
        # It shares the array's memory: writing there is all a step has to do.
        self._num_logits_value = runtime.OrtValue.ortvalue_from_numpy(self._num_logits)
        if header.in_place:
            self._binding.bind_ortvalue_input("num_logits", self._num_logits_value)

    @classmethod
    def load(
        cls,
        model_path: Path | str,
        *,
        context_length: int | None = None,
        minimum_context: int | None = None,
        threads: int | None = None,
        provider: Provider | str = Provider.AUTO,
        memory_limit: int | None = None,
        batch: int = BATCH,
    ) -> Self:
        """Load the ONNX model at `model_path`, whose data files lie beside it.

        `context_length`, `minimum_context`, `memory_limit` (bytes): see `onnx_memory.plan_memory`. `threads` defaults
        to the physical cores this process may use. `provider`: see `onnx_session.open_session`. `batch` is the most
        tokens one run gets.
        Raises ArtifactError for a file that is no usable model or whose weights are missing, NotEnoughMemoryError
        before loading, MissingError for the package or provider, UsageError for impossible options, EngineError from
        the runtime.
        """
        check_sizes(batch, threads)
        wanted = _provider(provider)
        path = Path(model_path)
        header = read_header(path)
        runtime = load_runtime()
        memory = plan_memory(
            header, context_length=context_length, minimum_context=minimum_context, batch=batch, limit=memory_limit
        )
        weights = _mapped(runtime, path, header)
        session, started = open_session(runtime, path, wanted, threads or usable_cores(), weights)
        weights.release()
        try:
            return cls(runtime, session, header, memory, provider=started, weights=weights, batch=batch)
        except runtime_errors() as error:
            raise EngineError(f"onnxruntime could not make a KV cache for {path}: {failure(error)}") from error

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""
        self._check_open()
        return self._header.vocab_size

    @property
    def context_length(self) -> int:
        """Positions the KV cache holds: the planned length."""
        self._check_open()
        return self.plan.context_length

    @property
    def position(self) -> int:
        """Tokens fed and not forgotten."""
        self._check_open()
        return self._position

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """See `Engine.extend`. After an EngineError the cache holds what it held before the call."""
        self._check_open()
        ids = checked(
            tokens,
            logits,
            position=self._position,
            context_length=self.plan.context_length,
            vocab_size=self._header.vocab_size,
        )
        rows = np.empty((logits, self._header.vocab_size), np.float32)
        begin = self._position
        for piece in pieces(len(ids), logits, self._batch):
            try:
                self._run(ids[piece.tokens], rows[piece.rows])
            except self._errors as error:
                self._position = begin
                count = piece.tokens.stop - piece.tokens.start
                raise EngineError(f"onnxruntime failed to evaluate {count} tokens: {failure(error)}") from error
        return rows

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`. Touches no memory: what follows overwrites."""
        self._check_open()
        check_rewind(position, self._position)
        self._position = position

    def close(self) -> None:
        """See `Engine.close`."""
        self._session = self._binding = self._cache = self._spare = self._weights = None  # type: ignore[assignment]

    def _check_open(self) -> None:
        if self._session is None:
            raise EngineError("The engine is closed.")

    def _run(self, ids: NDArray[np.int64], rows: Logits) -> None:
        """One run of the graph: append `ids`, leave the logits of the last len(rows) of them in `rows`."""
        count, end = len(ids), self._position + len(ids)
        self._ids[:count] = ids
        computed = len(rows) if self._header.in_place else count
        self._num_logits[0] = computed
        target = rows if len(rows) == computed else self._spare[:computed]
        self._input("input_ids", self._ids[:count])
        self._input("attention_mask", self._mask[:end])
        if self._header.position_ids:
            self._input("position_ids", self._positions[self._position : end])
        self._cache.bind(self._position, end)
        self._binding.bind_output(
            "logits", "cpu", 0, np.float32, (1, computed, self._header.vocab_size), target.ctypes.data
        )
        self._session.run_with_iobinding(self._binding)
        self._cache.keep()
        self._position = end
        if target is not rows and len(rows):
            rows[:] = target[-len(rows) :]
        if not len(rows):
            # Between the pieces of a prompt, whose tokens would leave most of the table of embeddings resident.
            self._weights.release()

    def _input(self, name: str, values: NDArray[np.int64]) -> None:
        self._binding.bind_input(name, "cpu", 0, np.int64, (1, len(values)), values.ctypes.data)


def plan(
    model_path: Path | str,
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    memory_limit: int | None = None,
    batch: int = BATCH,
) -> MemoryPlan:
    """What `OnnxEngine.load` with these options would need, without onnxruntime.

    Raises what `read_header` and `plan_memory` raise.
    """
    return plan_memory(
        read_header(Path(model_path)),
        context_length=context_length,
        minimum_context=minimum_context,
        batch=batch,
        limit=memory_limit,
    )


def _mapped(runtime: ModuleType, path: Path, header: OnnxHeader) -> MappedWeights:
    try:
        return MappedWeights(runtime, path, header.mapped)
    except OSError as error:
        raise ArtifactError(f"The weights of {path} cannot be read: {error.strerror or error}.") from error


def _provider(name: Provider | str) -> Provider:
    try:
        return Provider(name)
    except ValueError as error:
        raise UsageError(f"There is no provider {name!r}; there are: {', '.join(Provider)}.") from error
