"""onnxruntime driven directly: what an edge graph means to it, without edgedoc's engine in between."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Logits = NDArray[np.float32]


class EdgeGraph:
    """An edge graph on one thread, its caches bound in place with room for `capacity` positions."""

    def __init__(self, path: Path, capacity: int = 512) -> None:
        ort = pytest.importorskip("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._ort = ort
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        self.position = 0
        self._binding = self.session.io_binding()
        for past in self.session.get_inputs():
            if past.name.startswith("past_key_values"):
                shape = [1, past.shape[1], capacity, past.shape[3]]
                cache = ort.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, "cpu")
                self._binding.bind_ortvalue_input(past.name, cache)
                self._binding.bind_ortvalue_output(past.name.replace("past_key_values", "present"), cache)

    def step(self, tokens: Sequence[int], rows: int | None = None) -> Logits:
        """Feed `tokens` at `position`; the logits of the last `rows`, or of all when the input is left out."""
        self._binding.bind_cpu_input("input_ids", np.array([tokens], np.int64))
        self._binding.bind_cpu_input("attention_mask", np.ones((1, self.position + len(tokens)), np.int64))
        if rows is not None:
            wanted = self._ort.OrtValue.ortvalue_from_numpy(np.array([rows], np.int64))
            self._binding.bind_ortvalue_input("num_logits", wanted)
        self._binding.bind_output("logits", "cpu")
        self.session.run_with_iobinding(self._binding)
        self.position += len(tokens)
        # In the order of binding, and the caches came first.
        found: Logits = self._binding.get_outputs()[-1].numpy()[0]
        return found


def logits_in_steps(graph: EdgeGraph, tokens: Sequence[int], rows: int) -> Logits:
    """Logits of every token, fed `rows` at a time from position 0."""
    graph.position = 0
    return np.concatenate([graph.step(tokens[first : first + rows], rows) for first in range(0, len(tokens), rows)])
