"""llama.cpp driven directly: what a GGUF file means to it, without edgedoc's engine in between."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


class LlamaModel:
    """llama.cpp with a KV cache in f32 and one thread: its own arithmetic, none of our engine's choices."""

    def __init__(self, path: Path, *, adapter: Path | None = None, vocabulary_only: bool = False) -> None:
        pytest.importorskip("llama_cpp")
        from edgedoc.engines.native import load_library

        self.library = load_library()
        parameters = self.library.llama_model_default_params()
        parameters.vocab_only = vocabulary_only
        self.model = self.library.llama_model_load_from_file(bytes(path), parameters)
        assert self.model
        self.adapter = self.library.llama_adapter_lora_init(self.model, bytes(adapter)) if adapter is not None else None
        assert adapter is None or self.adapter

    def __enter__(self) -> "LlamaModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.library.llama_model_free(self.model)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Ids of `text`, with what the file says is to be added; `special`: control tokens are recognised."""
        data = text.encode()
        ids = (ctypes.c_int * (len(data) + 8))()
        vocabulary = self.library.llama_model_get_vocab(self.model)
        count = self.library.llama_tokenize(vocabulary, data, len(data), ids, len(ids), True, special)
        return list(ids[:count])

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        """float32 logits of every position, shape (tokens, vocabulary)."""
        library = self.library
        parameters = library.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = len(tokens)
        parameters.n_threads = parameters.n_threads_batch = 1
        parameters.type_k = parameters.type_v = library.GGML_TYPE_F32
        context = library.llama_init_from_model(self.model, parameters)
        if self.adapter is not None:
            adapters = (ctypes.POINTER(ctypes.c_void_p) * 1)(self.adapter)
            assert library.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)) == 0
        batch = library.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for position, token in enumerate(tokens):
            batch.token[position], batch.pos[position] = token, position
            batch.n_seq_id[position], batch.seq_id[position][0], batch.logits[position] = 1, 0, 1
        assert library.llama_decode(context, batch) == 0
        size = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self.model))
        found: NDArray[np.float32] = np.ctypeslib.as_array(
            library.llama_get_logits(context), (len(tokens), size)
        ).copy()
        library.llama_batch_free(batch)
        library.llama_free(context)
        return found
