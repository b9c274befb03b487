"""The edge graph: Qwen2 in onnxruntime's fused operators, straight from the weights. Knows no tokenizer and no folder.

Per layer: norm, packed QKV with bias, GroupQueryAttention with the rotary embedding inside, output projection, norm
fused with the residual sum, SiLU MLP. Names of inputs and outputs are those of transformers.js and onnxruntime-genai
(onnxruntime-genai, python/py/models/builders/base.py, whose fused graph this follows). What they do not know is
`num_logits`: an input with a default, so they need not.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc_export.onnx_data import DataFile
from edgedoc_export.onnx_graph import MICROSOFT, Graph
from edgedoc_export.onnx_linear import GatedMlp, LastRows, Layer, linear_of
from edgedoc_export.onnx_presets import OnnxPreset
from edgedoc_export.onnx_weights import Weights
from edgedoc_export.progress import Progress, silent
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.tensors import TensorSource

INT32 = 6
"""onnx.TensorProto.INT32"""

ALL_ROWS = 2**31 - 1
"""Default of `num_logits`: more rows than any step has."""


def write_edge(source: TensorSource, out: Path, preset: OnnxPreset, context: int, progress: Progress = silent) -> None:
    """Write the graph to `out` and its weights beside it; `context` is the length of its rotary caches, in tokens.

    Holds one slab of one tensor at a time. Raises CheckpointError for weights that cannot be used, OSError when the
    disk cannot be written.
    """
    with DataFile(out) as data:
        graph = Graph(data)
        _Edge(graph, source, preset, progress).build(context)
        config = source.config
        metadata: dict[str, int | str] = {
            "graph": "edge",
            "preset": preset.name,
            "context": context,
            "layers": config.layers,
            "kv_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "vocab_size": config.vocab_size,
        }
        model = graph.model("edge", {f"edgedoc.{key}": str(value) for key, value in metadata.items()})
    out.write_bytes(model.SerializeToString())


class _Edge:
    def __init__(self, graph: Graph, source: TensorSource, preset: OnnxPreset, progress: Progress) -> None:
        self._graph, self._config = graph, source.config
        self._linear = linear_of(preset)
        self._weights = Weights(source, progress, source.config.parameters)

    def build(self, context: int) -> None:
        graph, config = self._graph, self._config
        self._declare()
        self._prepare_attention(context)
        table = Layer("model.embed_tokens", self._weights.matrix("model.embed_tokens.weight"), "embedding")
        stream = self._linear.embed(graph, "input_ids", table)
        normed = self._norm("model.layers.0.input_layernorm", stream)
        for layer in range(config.layers):
            after = f"model.layers.{layer + 1}.input_layernorm" if layer + 1 < config.layers else "model.norm"
            stream, normed = self._layer(f"model.layers.{layer}", layer, stream, normed, after)
        self._head(normed)

    def _declare(self) -> None:
        graph, config = self._graph, self._config
        graph.input("input_ids", np.int64, ["batch_size", "sequence_length"])
        graph.input("attention_mask", np.int64, ["batch_size", "total_sequence_length"])
        # The size that holds by default: optimum's ORTModel computes output shapes from names of input sizes.
        graph.output("logits", np.float32, ["batch_size", "sequence_length", config.vocab_size])
        for past, present in self._caches():
            # Two names: a runtime may bind one buffer longer than both as past and present.
            graph.input(past, np.float32, ["batch_size", config.kv_heads, "past_sequence_length", config.head_dim])
            graph.output(present, np.float32, ["batch_size", config.kv_heads, "present_length", config.head_dim])
        graph.input("num_logits", np.int64, [1])
        graph.constant("num_logits", np.array([ALL_ROWS], np.int64))

    def _caches(self) -> list[tuple[str, str]]:
        return [
            (f"past_key_values.{layer}.{kind}", f"present.{layer}.{kind}")
            for layer in range(self._config.layers)
            for kind in ("key", "value")
        ]

    def _prepare_attention(self, context: int) -> None:
        """The last position of each sequence, the total length, and the rotary caches, as GroupQueryAttention wants."""
        graph, config = self._graph, self._config
        counts = graph.op("ReduceSum", "lengths", ["attention_mask", graph.integers(1)], {"keepdims": 0})
        last = graph.op("Sub", "last_positions", [counts, graph.integers(1)])
        graph.op("Cast", "seqlens_k", [last], {"to": INT32})
        shape = graph.op("Shape", "mask_shape", ["attention_mask"])
        total = graph.op("Gather", "total_length", [shape, graph.constant("second", np.array(1, np.int64))])
        graph.op("Cast", "total_sequence_length", [total], {"to": INT32})
        cos, sin = rotary_caches(config, context)
        graph.store("cos_cache", cos)
        graph.store("sin_cache", sin)

    def _layer(self, name: str, number: int, stream: str, normed: str, after: str) -> tuple[str, str]:
        """The residual stream and its norm, `after` naming the norm's weight, behind layer `number`."""
        attention, mlp = f"{name}.self_attn", f"{name}.mlp"
        parts = [f"{attention}.{part}_proj" for part in "qkv"]
        weight = self._weights.matrix(*(f"{part}.weight" for part in parts))
        bias = self._weights.vector(*(f"{part}.bias" for part in parts))
        packed = self._linear.project(
            self._graph, normed, Layer(f"{attention}.qkv_proj", weight, f"{attention}.qkv", bias)
        )
        mixed = self._linear.project(
            self._graph, self._attend(attention, number, packed), self._layer_of(f"{attention}.o_proj")
        )
        stream, normed = self._add_and_norm(f"{name}.post_attention_layernorm", stream, mixed)
        layers = (self._layer_of(f"{mlp}.{part}_proj") for part in ("gate", "up", "down"))
        return self._add_and_norm(after, stream, self._linear.gated_mlp(self._graph, normed, GatedMlp(mlp, *layers)))

    def _attend(self, name: str, number: int, packed: str) -> str:
        caches = [f"past_key_values.{number}.key", f"past_key_values.{number}.value"]
        return self._graph.op(
            "GroupQueryAttention",
            [f"{name}.mixed", f"present.{number}.key", f"present.{number}.value"],
            [packed, "", "", *caches, "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"],
            {"num_heads": self._config.heads, "kv_num_heads": self._config.kv_heads, "do_rotary": 1},
            domain=MICROSOFT,
        )

    def _head(self, normed: str) -> None:
        """Logits of the last `num_logits` rows, which may be none: at 0.5B the head is a quarter of a row's work."""
        graph = self._graph
        shape = graph.op("Shape", "ids_shape", ["input_ids"], {"start": 1})
        surplus = graph.op("Sub", "surplus_rows", [shape, "num_logits"])
        first = graph.op("Max", "first_row", [surplus, graph.integers(0)])
        name = "model.embed_tokens" if self._config.tie_word_embeddings else "lm_head"
        layer = Layer(name, self._weights.matrix(f"{name}.weight"), "logits")
        self._linear.project_last(graph, normed, LastRows(first, shape), layer)

    def _layer_of(self, name: str) -> Layer:
        return Layer(name, self._weights.matrix(f"{name}.weight"), f"{name}.output")

    def _norm(self, name: str, x: str) -> str:
        # onnxruntime's operator, though it is registered in the standard domain.
        attributes = {"axis": -1, "epsilon": self._config.rms_norm_eps, "stash_type": 1}
        return self._graph.op("SimplifiedLayerNormalization", f"{name}.output", [x, self._scale(name)], attributes)

    def _add_and_norm(self, name: str, stream: str, added: str) -> tuple[str, str]:
        outputs = [f"{name}.output", "", "", f"{name}.stream"]
        inputs = [stream, added, self._scale(name)]
        attributes = {"epsilon": self._config.rms_norm_eps}
        self._graph.op("SkipSimplifiedLayerNormalization", outputs, inputs, attributes, domain=MICROSOFT)
        return outputs[3], outputs[0]

    def _scale(self, name: str) -> str:
        return self._graph.store(f"{name}.weight", self._weights.vector(f"{name}.weight"))


def rotary_caches(config: Qwen2Config, context: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines, float32 (context, head_dim / 2), rounded where transformers rounds (modeling_qwen2.py)."""
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
    frequencies = np.float32(1) / np.float32(config.rope_theta) ** exponents
    angles = np.outer(np.arange(context, dtype=np.float32), frequencies)
    return np.cos(angles), np.sin(angles)
