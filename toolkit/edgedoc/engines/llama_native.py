"""Brings a GGUF model and a context for it into memory. Knows llama.cpp's parameters, not what the context is fed."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from edgedoc.engines.feeding import OUTPUT_ROWS, PASS_TOKENS
from edgedoc.engines.gguf_header import GgufHeader
from edgedoc.engines.gguf_memory import is_repacked
from edgedoc.engines.memory import MemoryPlan
from edgedoc.engines.native import recent_trouble, system_info
from edgedoc.engines.probe import repacking_is_safe
from edgedoc.errors import ArtifactError, EngineError, UsageError

GGML_TYPES: dict[str, int] = {"f16": 1, "q8_0": 8}


class Native(NamedTuple):
    """A model, its context and adapters for it, as llama.cpp names them; `release` frees them."""

    library: ModuleType
    model: Any
    context: Any
    adapters: Mapping[str, Any]

    def apply(self, adapter: str | None) -> None:
        """Put one of `adapters` over the model at full strength instead of what is; None for none. Raises EngineError.

        What the cache holds was computed without it, and stays.
        """
        handles = [] if adapter is None else [self.adapters[adapter]]
        pointers = (ctypes.POINTER(ctypes.c_void_p) * len(handles))(*handles)
        scales = (ctypes.c_float * len(handles))(*(1.0 for _ in handles))
        if self.library.llama_set_adapters_lora(self.context, pointers, len(handles), scales) != 0:
            raise EngineError(f"llama.cpp could not apply the adapter {adapter}. {recent_trouble()}")

    def release(self) -> None:
        """Free all; the adapters go with their model."""
        self.library.llama_free(self.context)
        self.library.llama_model_free(self.model)


def open_native(
    library: ModuleType,
    path: Path,
    header: GgufHeader,
    memory: MemoryPlan,
    *,
    adapters: Mapping[str, Path],
    threads: int,
    offload: int,
    batch: int,
    use_mmap: bool | None,
) -> Native:
    """Load the model at `path` and `adapters` by name, none of them over it yet; make the context `memory` plans.

    `offload`: see `offloaded_layers`; the others: see `LlamaEngine.load`. Raises ArtifactError, EngineError.
    """
    recent_trouble()
    model = _load_model(library, path, header, offload, use_mmap)
    # Before the context, whose buffers llama.cpp sizes for the adapters it knows of.
    handles = {name: _load_adapter(library, model, adapter) for name, adapter in adapters.items()}
    context = _create_context(library, model, memory, threads=threads, batch=batch, on_cpu=not offload)
    if context is None:
        library.llama_model_free(model)
        raise EngineError(f"llama.cpp could not create a context for {path}. {recent_trouble()}")
    return Native(library, model, context, handles)


def offloaded_layers(library: ModuleType, gpu_layers: int | None) -> int:
    """llama.cpp's n_gpu_layers: -1 is all of them. Raises UsageError for layers on a GPU that is not there."""
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


def _load_adapter(library: ModuleType, model: Any, path: Path) -> Any:
    adapter = library.llama_adapter_lora_init(model, str(path).encode())
    if not adapter:
        library.llama_model_free(model)
        raise ArtifactError(f"llama.cpp cannot put {path} over this model; export it again. {recent_trouble()}")
    return adapter


def _create_context(
    library: ModuleType, model: Any, memory: MemoryPlan, *, threads: int, batch: int, on_cpu: bool
) -> Any:
    parameters = library.llama_context_default_params()
    parameters.n_ctx = memory.context_length * memory.sequences
    parameters.n_seq_max = memory.sequences
    # Cells of its own for each: in a shared cache every token attends over everybody's, masked or not. With 8 sequences
    # of 2,000 tokens at 0.5B's layer sizes, a step of 8 tokens each takes 4.5 times as long on shared cells.
    parameters.kv_unified = False
    parameters.n_batch = batch
    parameters.n_ubatch = min(batch, PASS_TOKENS) if on_cpu else batch
    parameters.n_outputs_max = min(batch, OUTPUT_ROWS)
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.flash_attn_type = _flash_attention(library, memory, on_cpu)
    parameters.type_k = parameters.type_v = GGML_TYPES[memory.kv_type]
    parameters.no_perf = True
    return library.llama_init_from_model(model, parameters)


def _flash_attention(library: ModuleType, memory: MemoryPlan, on_cpu: bool) -> int:
    """On a CPU only where the cache's type requires it.

    llama.cpp's is tiled from 64 tokens on. Below, it goes key by key for each token and sums values in f16: with 3,000
    tokens in the cache at 0.5B's layer sizes, a step of 16 takes 6.6 times as long as by plain matrix products, a step
    of one twice as long; nano-reader's logits in f32 are 2 to 35 times as far from those of an f32 cache. The price:
    prompts of 1,000 tokens take 5 % longer, of 4,000 tokens 26 %, and all scores of a pass are in memory. Source:
    llama.cpp ggml-cpu/ops.cpp, ggml_compute_forward_flash_attn_ext; measured on a CPU with AVX-512.
    """
    kind = "DISABLED" if on_cpu and memory.kv_type == "f16" else "AUTO"
    return int(getattr(library, f"LLAMA_FLASH_ATTN_TYPE_{kind}"))
