"""What this machine can do at most: bytes read and products added a second, measured. Knows no model.

Decoding reads all weights once a step, so bandwidth bounds it; prefill multiplies, so arithmetic does. A share of a
limit above 1 is not an error of theirs: a small model stays in the caches, which are faster than the memory.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edgedoc.doctor import memory_bandwidth
from edgedoc.engines.host import usable_cores
from edgedoc.errors import EngineError, MissingPackageError
from edgedoc_bench.cell_summary import Traffic
from edgedoc_export.onnx_tensor_types import WIDENED

SIZE = 1024
"""Rows and columns: 2 GFLOP a product, far beyond what starting threads costs."""
ROUNDS = 5


def measure_apart() -> dict[str, Any]:
    """`measure` in a process of its own. Raises EngineError with its last words.

    numpy's library takes its number of threads from the environment when it is loaded, and from nowhere later.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(usable_cores()))
    # -P: a json.py in the working directory is not the standard library's.
    command = [sys.executable, "-P", "-m", "edgedoc_bench.limits"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads}, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise EngineError(f"Measuring the limits of this machine failed: {words[0]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure() -> dict[str, Any]:
    """The fields of a `limits` row: bytes/s, operations/s in float32 and, where onnxruntime can be asked, in int8.

    A multiplication with its addition is two operations. The best of some rounds: disturbances only ever slow down.
    """
    reason = None
    try:
        integers: float | None = integer_rate()
    except MissingPackageError as error:
        integers, reason = None, str(error)
    return {"bandwidth": memory_bandwidth(), "gemm_f32": float_rate(), "gemm_int8": integers, "reason": reason}


def float_rate() -> float:
    """Operations per second of numpy's matrix product, on as many threads as its library takes."""
    one = np.ones((SIZE, SIZE), np.float32)
    other, out = one.copy(), one.copy()
    return _rate(lambda: np.matmul(one, other, out=out))


def integer_rate() -> float:
    """Operations per second of onnxruntime's MatMulInteger, uint8 by int8, on all cores this process may use.

    Raises MissingPackageError without onnx or onnxruntime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError("onnxruntime", "onnx") from error
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise MissingPackageError("onnx", "export") from error

    weights = numpy_helper.from_array(np.ones((SIZE, SIZE), np.int8), "weights")
    given = helper.make_tensor_value_info("given", TensorProto.UINT8, [SIZE, SIZE])
    product = helper.make_tensor_value_info("product", TensorProto.INT32, [SIZE, SIZE])
    node = helper.make_node("MatMulInteger", ["given", "weights"], ["product"])
    graph = helper.make_graph([node], "product", [given], [product], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {"given": np.ones((SIZE, SIZE), np.uint8)}
    return _rate(lambda: session.run(None, feeds))


def traffic(artifact: dict[str, Any], memory: dict[str, Any] | None) -> Traffic | None:
    """What a token costs an artifact, from its row and its memory plan; None without a plan.

    Attention's own products are left out of the operations: at a window's length they are a few hundredths.
    """
    if memory is None:
        return None
    return Traffic(
        weights=sum(_held(kind, total) for kind, total in artifact["tensor_types"].items()),
        cache_per_position=memory["kv_cache"] / memory["context_length"],
        operations_per_token=2.0 * (artifact["parameters"] - artifact["head_parameters"]),
    )


def _held(kind: str, total: dict[str, Any]) -> int:
    """Bytes that a step reads of tensors that take `total["bytes"]` in the file."""
    return int(total["bytes"]) * (2 if kind == WIDENED else 1)


def _rate(product: Callable[[], object]) -> float:
    product()
    best = min(_seconds(product) for _ in range(ROUNDS))
    return 2.0 * SIZE**3 / best


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(measure()))
