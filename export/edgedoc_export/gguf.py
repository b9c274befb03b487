"""Writes a checkpoint as a GGUF file in f32, f16 or bf16, tensor by tensor. Knows nothing of quantisation.

Keys and layout: ggml, docs/gguf.md; names and constants: the gguf package. Matrices get the requested type; vectors
(norms and biases) stay F32, as llama.cpp's own converter has it (conversion/base.py, prepare_tensors).
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgedoc.errors import CheckpointError
from edgedoc.recipes import Recipe
from edgedoc_export.dtypes import ITEM_BYTES, STORAGE, Dtype, convert, is_finite
from edgedoc_export.metadata import add_metadata
from edgedoc_export.progress import Progress, silent
from edgedoc_export.tensors import TensorSource, matrix_dtype
from edgedoc_export.vocabulary import read_vocabulary

if TYPE_CHECKING:
    import gguf

FloatType = Literal["f32", "f16", "bf16"]
DTYPES: dict[FloatType, Dtype] = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
LOSSLESS: dict[Dtype, FloatType] = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


def write_gguf(
    source: TensorSource,
    tokenizer_folder: Path,
    recipe: Recipe,
    out: Path,
    dtype: FloatType | None,
    progress: Progress = silent,
) -> None:
    """Write `source` with its tokenizer and its recipe to `out`; without a `dtype` each matrix in its own, exactly.

    Holds one slab of one tensor at a time. Raises CheckpointError when weights or tokenizer cannot be written,
    OSError when the disk cannot.
    """
    import gguf

    writer = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.QWEN2])
    try:
        vocabulary = read_vocabulary(tokenizer_folder, source.config.vocab_size, recipe)
        add_metadata(writer, source.config, recipe, vocabulary, dtype or LOSSLESS[matrix_dtype(source)])
        del vocabulary
        _declare_tensors(writer, source, dtype)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        _write_tensors(writer, source, dtype, progress)
    finally:
        writer.close()


def _stored(source: TensorSource, name: str, dtype: FloatType | None) -> Dtype:
    if len(source.shape(name)) == 1:
        return "F32"
    return DTYPES[dtype] if dtype is not None else source.dtype(name)


def _declare_tensors(writer: "gguf.GGUFWriter", source: TensorSource, dtype: FloatType | None) -> None:
    import gguf

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, source.config.layers)
    for name in source.names():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise CheckpointError(f"llama.cpp has no name for tensor {name}")
        shape, stored = source.shape(name), _stored(source, name, dtype)
        nbytes = math.prod(shape) * ITEM_BYTES[stored]
        writer.add_tensor_info(found, shape, STORAGE[stored], nbytes, raw_dtype=gguf.GGMLQuantizationType[stored])


def _write_tensors(
    writer: "gguf.GGUFWriter", source: TensorSource, dtype: FloatType | None, progress: Progress
) -> None:
    assert writer.fout is not None
    # write_tensor_data() wants a whole tensor in memory, and the embedding of a 0.5B model takes 544 MB as float32.
    [file] = writer.fout
    writer.write_padding(file, file.tell())
    sizes = {name: math.prod(source.shape(name)) for name in source.names()}
    total, done = sum(sizes.values()), 0
    for name, size in sizes.items():
        stored = _stored(source, name, dtype)
        for slab in source.slabs(name):
            values = convert(slab, source.dtype(name), stored)
            if stored == "F16" and not is_finite(values, stored):
                raise CheckpointError(f"tensor {name} has values beyond 65504, the largest of f16; export bf16 or f32")
            file.write(values.data)
            done += values.size
            progress("write", done, total)
        writer.write_padding(file, size * ITEM_BYTES[stored])
    file.flush()
