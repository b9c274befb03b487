"""Any decoder graph in onnxruntime itself, its KV cache bound in place: what edgedoc's engine is measured against.

For graphs in onnxruntime-genai's layout, which hold every layer's keys and values in one buffer for past and present
and compute the logits of every token. Kept to what a run needs, so that the graph and not the driver is measured: the
logits land in memory that is there already, and nobody looks at them. Knows no edgedoc artifact.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class BoundGraph:
    """One graph with one sequence, on the CPU. `position` may be set back at will: what follows overwrites."""

    def __init__(self, path: Path, *, threads: int, context: int) -> None:
        """Load the graph at `path` with onnxruntime's own defaults and a cache of `context` tokens.

        The genai_config.json beside it says what the graph leaves open: the units of a head.
        """
        import onnxruntime

        config = json.loads(path.with_name("genai_config.json").read_text("utf-8"))
        decoder = config["model"]["decoder"]
        shape = (1, decoder["num_key_value_heads"], context, decoder["head_size"])

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # As edgedoc's engine does: two sessions that take turns in one process must not spin on each other's cores.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        for given in self._session.get_inputs():
            if given.name.startswith("past_key_values."):
                value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
                self._binding.bind_ortvalue_input(given.name, value)
                self._binding.bind_ortvalue_output(given.name.replace("past_key_values", "present"), value)
        logits = next(output for output in self._session.get_outputs() if output.name == "logits")
        self.vocab_size = int(logits.shape[2])
        self.position = 0
        self._mask = np.ones((1, context), np.int64)
        self._logits: dict[int, NDArray[np.float32]] = {}

    def step(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Append `tokens`; logits of all of them, (len(tokens), vocab_size), valid until the next step as long."""
        ids = np.asarray(tokens, np.int64)[None]
        count = ids.shape[1]
        rows = self._logits.setdefault(count, np.empty((count, self.vocab_size), np.float32))
        self._input("input_ids", ids)
        self._input("attention_mask", self._mask[:, : self.position + count])
        self._binding.bind_output("logits", "cpu", 0, np.float32, (1, *rows.shape), rows.ctypes.data)
        self._session.run_with_iobinding(self._binding)
        self.position += count
        return rows

    def _input(self, name: str, values: NDArray[np.int64]) -> None:
        binding: Any = self._binding
        binding.bind_input(name, "cpu", 0, np.int64, values.shape, values.ctypes.data)
