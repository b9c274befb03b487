"""Makes what edgedoc's ONNX artifacts are measured against: onnxruntime-genai's graphs at reader-lm-0.5b's shapes.

    python3 -m venv peers
    peers/bin/pip install torch==2.13.0 'transformers>=5' onnx_ir tqdm onnxruntime==1.31.1 onnxruntime-genai==0.18.0
    PYTHONPATH=toolkit:export:bench:models peers/bin/python -m edgedoc_bench.onnx_peers FOLDER

An environment of its own: the model builder wants transformers 5, which edgedoc's optimum extra forbids. Writes
FOLDER/checkpoint (random weights; kept if it is there), FOLDER/genai-int4 (the builder's int4 for CPUs with its own
defaults, accuracy level 4 among them) and FOLDER/genai-int8 (the builder's fp32 graph through onnxruntime's
quantize_dynamic, per channel). Takes 7 GB of disk, of which 2.5 stay. Measures nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from edgedoc_export.random_weights import READER_LM_05B, random_checkpoint

BUILDER = "onnxruntime_genai.models.builder"
MODEL = "model.onnx"
"""The builder's name for its graph, which its genai_config.json refers to."""


def build(checkpoint: Path, out: Path, precision: Literal["int4", "fp32"], threads: int) -> None:
    """Run onnxruntime-genai's builder for the CPU provider in a process of its own.

    Raises CalledProcessError when it fails; its output is not hidden.
    """
    with TemporaryDirectory(dir=out.parent) as cache:
        subprocess.run(
            [sys.executable, "-m", BUILDER, "-i", checkpoint, "-o", out, "-p", precision, "-e", "cpu", "-c", cache],
            check=True,
            stdout=sys.stderr,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)},
        )


def quantise(folder: Path, out: Path) -> None:
    """Write the fp32 graph in `folder` to `out` with MatMul weights in int8 per output channel, the rest as it is.

    One activation scale a tensor (DynamicQuantizeLinear), the embedding stays float32: what quantize_dynamic gives.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shutil.copytree(folder, out, ignore=shutil.ignore_patterns(f"{MODEL}*"))
    quantize_dynamic(
        folder / MODEL,
        out / MODEL,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
    )


def main() -> None:
    """Make the checkpoint and both peers; print their paths and the bytes of graph and weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    checkpoint, int4, int8 = folder / "checkpoint", folder / "genai-int4", folder / "genai-int8"
    if not (checkpoint / "tokenizer.json").is_file():
        random_checkpoint(READER_LM_05B, checkpoint, seed=0)
    build(checkpoint, int4, "int4", options.threads)
    with TemporaryDirectory(dir=folder) as scratch:
        build(checkpoint, Path(scratch) / "fp32", "fp32", options.threads)
        quantise(Path(scratch) / "fp32", int8)
    for peer in (int4, int8):
        print(peer, sum(path.stat().st_size for path in peer.glob(f"{MODEL}*")))


if __name__ == "__main__":
    main()
