"""The llama.cpp engine, on llama-cpp-python's low-level API. Knows no text, no recipe and no decoding rule.

The package's high-level `Llama` class copies every row of logits through Python, detokenises the whole answer at
each token and cannot verify drafts past one batch, hence the C functions directly. Their contracts are quoted in
llama_cpp/llama_cpp.py (0.3.36, llama.cpp 0c1e57098).
"""

import ctypes
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgedoc.engines.base import Logits
from edgedoc.engines.feeding import OUTPUT_ROWS, check_rewind, check_sizes, checked, pieces
from edgedoc.engines.gguf_adapter import adapter_bytes
from edgedoc.engines.gguf_header import GgufHeader, read_header
from edgedoc.engines.gguf_memory import KvType, is_repacked, plan_memory
from edgedoc.engines.host import usable_cores
from edgedoc.engines.memory import MemoryPlan
from edgedoc.engines.native import load_library, recent_trouble, system_info
from edgedoc.engines.probe import repacking_is_safe
from edgedoc.errors import ArtifactError, EngineError, UsageError

GGML_TYPES: dict[str, int] = {"f16": 1, "q8_0": 8}


class LlamaEngine:
    """One GGUF model with one sequence in its KV cache. Implements `edgedoc.engines.base.Engine`."""

    def __init__(self, library: ModuleType, model: Any, context: Any, batch_size: int, plan: MemoryPlan) -> None:
        """Takes ownership of the native `model` and `context`; callers use `load`."""
        self.plan = plan
        self._library = library
        self._context = context
        self._memory = library.llama_get_memory(context)
        self._vocab_size: int = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))
        self._context_length: int = library.llama_n_ctx(context)
        self._position = 0
        self._batch_size = batch_size
        batch = library.llama_batch_init(batch_size, 0, 1)
        self._batch = batch
        self._ids = _view(batch.token, batch_size)
        self._positions = _view(batch.pos, batch_size)
        self._wants_logits = _view(batch.logits, batch_size)
        self._logits: NDArray[np.float32] = np.empty((0, self._vocab_size), np.float32)
        self._logits_address = 0
        self._count = np.arange(self._context_length, dtype=np.int32)
        _view(batch.n_seq_id, batch_size)[:] = 1
        for index in range(batch_size):
            batch.seq_id[index][0] = 0
        self._free = weakref.finalize(self, _release, library, batch, context, model)

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
        adapter_path: Path | None = None,
        batch: int = 512,
        use_mmap: bool | None = None,
    ) -> Self:
        """Load the GGUF at `model_path`, with the GGUF LoRA at `adapter_path` over it.

        `context_length`, `minimum_context`, `kv_type`, `memory_limit` (bytes): see `memory.plan_memory`.
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
        offload = _offloaded_layers(library, gpu_layers)
        memory = plan_memory(
            header,
            context_length=context_length,
            minimum_context=minimum_context,
            kv_type=kv_type,
            batch=batch,
            limit=memory_limit if memory_limit is not None or not offload else 1 << 62,
            adapter=adapter_bytes(adapter_path) if adapter_path is not None else 0,
        )
        recent_trouble()
        model = _load_model(library, path, header, offload, use_mmap)
        # Before the context, whose buffers llama.cpp sizes for the adapters it knows of.
        adapter = _load_adapter(library, model, adapter_path)
        workers = threads or usable_cores()
        context = _create_context(library, model, memory, workers, batch)
        if context is None:
            library.llama_model_free(model)
            raise EngineError(f"llama.cpp could not create a context for {path}. {recent_trouble()}")
        if adapter is not None and library.llama_set_adapters_lora(context, *_scaled(adapter)) != 0:
            _release(library, None, context, model)
            raise EngineError(f"llama.cpp could not apply {adapter_path}. {recent_trouble()}")
        return cls(library, model, context, batch, memory)

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""
        self._check_open()
        return self._vocab_size

    @property
    def context_length(self) -> int:
        """Positions the KV cache holds: the planned length, rounded up by llama.cpp."""
        self._check_open()
        return self._context_length

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
            context_length=self._context_length,
            vocab_size=self._vocab_size,
        )
        rows = np.empty((logits, self._vocab_size), np.float32)
        self._feed(ids, rows)
        return rows

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`."""
        self._check_open()
        check_rewind(position, self._position)
        # Even when nothing seems to be there: an interrupted call may have left tokens that were never counted.
        if not self._library.llama_memory_seq_rm(self._memory, 0, position, -1):
            raise EngineError(f"llama.cpp could not forget the tokens after {position}. {recent_trouble()}")
        self._position = position

    def close(self) -> None:
        """See `Engine.close`."""
        self._free()

    def _check_open(self) -> None:
        if not self._free.alive:
            raise EngineError("The engine is closed.")

    def _feed(self, ids: NDArray[np.int64], rows: Logits) -> None:
        """Feed all ids in native batches; the last len(rows) of them leave their logits in `rows`."""
        begin = self._position
        for piece in pieces(len(ids), len(rows), self._batch_size):
            size = piece.tokens.stop - piece.tokens.start
            wanted = piece.rows.stop - piece.rows.start
            self._ids[:size] = ids[piece.tokens]
            self._positions[:size] = self._count[begin + piece.tokens.start : begin + piece.tokens.stop]
            self._wants_logits[: size - wanted] = 0
            self._wants_logits[size - wanted : size] = 1
            self._batch.n_tokens = size
            status = self._library.llama_decode(self._context, self._batch)
            if status != 0:
                # Pieces already fed, or half of this one, may be in the cache: back to where the caller was.
                self._library.llama_memory_seq_rm(self._memory, 0, begin, -1)
                self._position = begin
                raise EngineError(f"llama.cpp failed to evaluate {size} tokens (code {status}). {recent_trouble()}")
            self._position = begin + piece.tokens.stop
            if wanted:
                rows[piece.rows] = self._native_logits(wanted)

    def _native_logits(self, rows: int) -> NDArray[np.float32]:
        """A view of the library's own buffer, valid until its next call.

        The buffer stays where it is until more rows are asked for, and a new view costs more than the copy out of it.
        """
        pointer = self._library.llama_get_logits(self._context)
        if not pointer:
            raise EngineError(f"llama.cpp returned no logits. {recent_trouble()}")
        address = ctypes.addressof(pointer.contents)
        if address != self._logits_address or rows > len(self._logits):
            self._logits = _view(pointer, rows * self._vocab_size).reshape(rows, self._vocab_size)
            self._logits_address = address
        return self._logits[:rows]


def plan(
    model_path: Path | str,
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    kv_type: KvType | None = None,
    memory_limit: int | None = None,
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
        batch=batch,
        limit=memory_limit,
    )


def _view(pointer: Any, count: int) -> NDArray[Any]:
    """A numpy array over `count` items of C memory; np.ctypeslib.as_array takes ten times as long for a new pointer."""
    item = pointer._type_
    return np.frombuffer((item * count).from_address(ctypes.addressof(pointer.contents)), dtype=item)


def _release(library: ModuleType, batch: Any, context: Any, model: Any) -> None:
    # An adapter goes with its model.
    if batch is not None:
        library.llama_batch_free(batch)
    library.llama_free(context)
    library.llama_model_free(model)


def _offloaded_layers(library: ModuleType, gpu_layers: int | None) -> int:
    """llama.cpp's n_gpu_layers: -1 is all of them."""
    has_gpu = bool(library.llama_supports_gpu_offload())
    if gpu_layers is None:
        return -1 if has_gpu else 0
    if gpu_layers != 0 and not has_gpu:
        raise UsageError(
            "GPU layers were asked for, but this build of llama-cpp-python has no GPU backend or finds no GPU. "
            "Reinstall it with CMAKE_ARGS='-DGGML_CUDA=on' (or -DGGML_METAL=on, -DGGML_VULKAN=on), or leave the "
            "option out."
        )
    return gpu_layers


def _load_model(library: ModuleType, path: Path, header: GgufHeader, gpu_layers: int, use_mmap: bool | None) -> Any:
    parameters = library.llama_model_default_params()
    parameters.n_gpu_layers = gpu_layers
    mapped = not is_repacked(header) if use_mmap is None else use_mmap
    parameters.load_mode = library.LLAMA_LOAD_MODE_MMAP if mapped else library.LLAMA_LOAD_MODE_NONE
    parameters.use_extra_bufts = repacking_is_safe(system_info(library), path, header)
    model = library.llama_model_load_from_file(str(path).encode(), parameters)
    if model is None:
        raise EngineError(f"llama.cpp could not load {path}. {recent_trouble()}")
    return model


def _load_adapter(library: ModuleType, model: Any, path: Path | None) -> Any:
    if path is None:
        return None
    adapter = library.llama_adapter_lora_init(model, str(path).encode())
    if not adapter:
        library.llama_model_free(model)
        raise ArtifactError(f"llama.cpp cannot put {path} over this model; export it again. {recent_trouble()}")
    return adapter


def _scaled(adapter: Any) -> tuple[Any, int, Any]:
    """The one adapter at full strength, as llama_set_adapters_lora wants it."""
    return (ctypes.POINTER(ctypes.c_void_p) * 1)(adapter), 1, (ctypes.c_float * 1)(1.0)


def _create_context(library: ModuleType, model: Any, memory: MemoryPlan, threads: int, batch: int) -> Any:
    parameters = library.llama_context_default_params()
    parameters.n_ctx = memory.context_length
    parameters.n_batch = parameters.n_ubatch = batch
    parameters.n_outputs_max = min(batch, OUTPUT_ROWS)
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_AUTO
    parameters.type_k = parameters.type_v = GGML_TYPES[memory.kv_type]
    parameters.no_perf = True
    return library.llama_init_from_model(model, parameters)
