"""The llama.cpp engine, on llama-cpp-python's low-level API. Knows no text, no recipe and no decoding rule.

The package's high-level `Llama` class copies every row of logits through Python, detokenises the whole answer at
each token and cannot verify drafts past one batch, hence the C functions directly. Their contracts are quoted in
llama_cpp/llama_cpp.py (0.3.36, llama.cpp 0c1e57098).
"""

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edgedoc.engines.base import Feed, Logits
from edgedoc.engines.feeding import Portion, check_rewind, check_sizes, checked, native_calls, pieces
from edgedoc.engines.gguf_adapter import adapter_bytes
from edgedoc.engines.gguf_header import read_header
from edgedoc.engines.gguf_memory import KvType, plan_memory
from edgedoc.engines.host import usable_cores
from edgedoc.engines.llama_feeder import Feeder
from edgedoc.engines.llama_native import Native, offloaded_layers, open_native
from edgedoc.engines.memory import MemoryPlan
from edgedoc.engines.native import load_library
from edgedoc.errors import EngineError, UsageError


class LlamaEngine:
    """One GGUF model with one or more sequences in its KV cache. Implements `BatchEngine` and `AdapterEngine`."""

    def __init__(self, native: Native, batch_size: int, plan: MemoryPlan) -> None:
        """Takes ownership of `native`; callers use `load`."""
        self.plan = plan
        self._native = native
        self._library, _, self._context, _ = native
        self._adapter: str | None = None
        self._batch_size = batch_size
        self._feeder = Feeder(native, plan.sequences, batch_size)
        self._lengths = self._feeder.lengths
        self._free = weakref.finalize(self, native.release)

    @classmethod
    def load(
        cls,
        model_path: Path | str,
        *,
        context_length: int | None = None,
        minimum_context: int | None = None,
        threads: int | None = None,
        gpu_layers: int | None = None,
        kv_type: KvType | None = None,
        memory_limit: int | None = None,
        adapters: Mapping[str, Path] | None = None,
        sequences: int = 1,
        batch: int = 512,
        use_mmap: bool | None = None,
    ) -> Self:
        """Load the GGUF at `model_path`, and GGUF LoRAs for it by name, of which the first is over it until `use`.

        `context_length`, `minimum_context`, `kv_type`, `memory_limit` (bytes), `sequences`: see
        `gguf_memory.plan_memory`; short of memory there are fewer sequences than asked for.
        `threads` defaults to the physical cores this process may use, `gpu_layers` to all where the build has a GPU
        backend and to none elsewhere. `use_mmap` defaults to mapping the file unless its weights get rearranged
        anyway: mapping would then keep two copies resident.
        Raises ArtifactError for a file that is no usable qwen2 GGUF or adapter of it, NotEnoughMemoryError before
        loading, MissingPackageError without llama-cpp-python, UsageError for impossible options, EngineError from the
        runtime.
        """
        check_sizes(batch, threads)
        path = Path(model_path)
        header = read_header(path)
        library = load_library()
        offload = offloaded_layers(library, gpu_layers)
        adapters = adapters or {}
        memory = plan_memory(
            header,
            context_length=context_length,
            minimum_context=minimum_context,
            kv_type=kv_type,
            sequences=sequences,
            batch=batch,
            limit=memory_limit if memory_limit is not None or not offload else 1 << 62,
            adapters=sum(map(adapter_bytes, adapters.values())),
        )
        native = open_native(
            library,
            path,
            header,
            memory,
            adapters=adapters,
            threads=threads or usable_cores(),
            offload=offload,
            batch=batch,
            use_mmap=use_mmap,
        )
        engine = cls(native, batch, memory)
        try:
            engine.use(next(iter(adapters), None))
        except EngineError:
            engine.close()
            raise
        return engine

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""
        self._check_open()
        return self._feeder.vocab_size

    @property
    def context_length(self) -> int:
        """Positions the KV cache holds for each sequence: the planned length, rounded up by llama.cpp."""
        self._check_open()
        return self._feeder.context_length

    @property
    def position(self) -> int:
        """Tokens fed to sequence 0 and not forgotten."""
        self._check_open()
        return self._lengths[0]

    @property
    def sequences(self) -> int:
        """See `BatchEngine.sequences`: as many as were planned."""
        self._check_open()
        return len(self._lengths)

    def length(self, sequence: int) -> int:
        """See `BatchEngine.length`."""
        self._check_open()
        if not 0 <= sequence < len(self._lengths):
            raise EngineError(f"There is no sequence {sequence}; there are {len(self._lengths)}, numbered from 0.")
        return self._lengths[sequence]

    @property
    def adapters(self) -> tuple[str, ...]:
        """See `AdapterEngine.adapters`."""
        self._check_open()
        return tuple(self._native.adapters)

    @property
    def adapter(self) -> str | None:
        """See `AdapterEngine.adapter`."""
        self._check_open()
        return self._adapter

    def use(self, adapter: str | None) -> None:
        """See `AdapterEngine.use`; every sequence is emptied. Raises EngineError from the runtime."""
        self._check_open()
        if adapter == self._adapter:
            return
        if adapter is not None and adapter not in self._native.adapters:
            there = ", ".join(self._native.adapters) or "none"
            raise UsageError(f"The model was loaded without an adapter {adapter!r}; there are: {there}.")
        for sequence in range(len(self._lengths)):
            self._feeder.forget(sequence, 0)
        self._native.apply(adapter)
        self._adapter = adapter

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """See `Engine.extend`. After an EngineError the cache holds what it held before the call."""
        self._check_open()
        begin = self._lengths[0]
        ids = self._checked(tokens, logits, begin)
        rows = np.empty((logits, self._feeder.vocab_size), np.float32)
        try:
            for piece in pieces(len(ids), logits, self._batch_size):
                self._feeder.compute(self._feeder.place(ids, piece, begin))
                self._lengths[0] = begin + piece.tokens.stop
                if wanted := piece.rows.stop - piece.rows.start:
                    rows[piece.rows] = self._feeder.logits(wanted)
        except EngineError:
            self._feeder.forget(0, begin)
            raise
        return rows

    def step(self, feeds: Sequence[Feed]) -> list[Logits]:
        """See `BatchEngine.step`. Feeds of the same number of tokens share passes over the weights, others do not.

        The last bits of a feed's logits depend on how many rows share the pass: the matrix kernels differ.
        """
        self._check_open()
        begins = {feed.sequence: self.length(feed.sequence) for feed in feeds}
        if len(begins) < len(feeds):
            raise EngineError("A sequence is fed twice in one step.")
        ids = [self._checked(feed.tokens, feed.logits, begins[feed.sequence]) for feed in feeds]
        rows = [np.empty((feed.logits, self._feeder.vocab_size), np.float32) for feed in feeds]
        sizes = [(len(feed.tokens), feed.logits) for feed in feeds]
        try:
            for call in native_calls(sizes, self._batch_size):
                self._call(call, feeds, ids, rows, begins)
        except EngineError:
            for sequence, begin in begins.items():
                self._feeder.forget(sequence, begin)
            raise
        return rows

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`."""
        self.forget(0, position)

    def forget(self, sequence: int, position: int) -> None:
        """See `BatchEngine.forget`."""
        check_rewind(position, self.length(sequence))
        self._feeder.forget(sequence, position)

    def share(self, source: int, target: int, length: int) -> None:
        """See `BatchEngine.share`. The next step copies all the cells a sequence may fill, however few are held."""
        check_rewind(length, self.length(source))
        self.length(target)
        if source != target:
            self._feeder.forget(target, 0)
            self._feeder.copy(source, target)
        self._feeder.forget(target, length)

    def close(self) -> None:
        """See `Engine.close`."""
        self._free()

    def _check_open(self) -> None:
        if not self._free.alive:
            raise EngineError("The engine is closed.")

    def _checked(self, tokens: Sequence[int], logits: int, position: int) -> NDArray[np.int64]:
        return checked(
            tokens,
            logits,
            position=position,
            context_length=self._feeder.context_length,
            vocab_size=self._feeder.vocab_size,
        )

    def _call(
        self,
        call: Sequence[Portion],
        feeds: Sequence[Feed],
        ids: Sequence[NDArray[np.int64]],
        rows: Sequence[Logits],
        begins: Mapping[int, int],
    ) -> None:
        """One native call for pieces of several feeds; their logits go to `rows`."""
        ends: dict[int, int] = {}
        end = 0
        for index, piece in call:
            sequence = feeds[index].sequence
            ends[sequence] = end = self._feeder.place(ids[index], piece, begins[sequence], end)
        self._feeder.compute_shared(ends)
        wanted = sum(piece.rows.stop - piece.rows.start for _, piece in call)
        found = self._feeder.logits(wanted) if wanted else np.empty((0, self._feeder.vocab_size), np.float32)
        taken = 0
        for index, piece in call:
            sequence = feeds[index].sequence
            self._lengths[sequence] = begins[sequence] + piece.tokens.stop
            count = piece.rows.stop - piece.rows.start
            rows[index][piece.rows] = found[taken : taken + count]
            taken += count


def plan(
    model_path: Path | str,
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    kv_type: KvType | None = None,
    memory_limit: int | None = None,
    sequences: int = 1,
    batch: int = 512,
) -> MemoryPlan:
    """What `LlamaEngine.load` with these options would need, without llama.cpp.

    Raises what `read_header` and `plan_memory` raise.
    """
    return plan_memory(
        read_header(Path(model_path)),
        context_length=context_length,
        minimum_context=minimum_context,
        kv_type=kv_type,
        sequences=sequences,
        batch=batch,
        limit=memory_limit,
    )
