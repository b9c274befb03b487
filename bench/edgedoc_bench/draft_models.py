"""The model that the draft bench runs, in every format it compares: made once in a folder. Knows no engine.

nano-reader at its own size, or zero-padded to reader-lm-0.5b's exact shapes: it writes what the nano one writes, at the
real cost. The peers run the same files as edgedoc does, and transformers the checkpoint they were made from.
"""

from pathlib import Path

from edgedoc.artifact import TOKENIZER, Artifact
from edgedoc.console import Report
from edgedoc.tokens import Tokenizer
from edgedoc_export.build import export
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.random_weights import READER_LM_05B
from edgedoc_export.sources import find_source
from edgedoc_export.widen import widen

MODEL = "nano-reader"
SIZES = ("0.5b", "nano")
EXPORTS = (("gguf", "q4_0"), ("gguf", "int8"), ("onnx", "int8"), ("onnx", "int4"))
CHECKPOINT = "checkpoint"
LAST_WRITTEN = "tokenizer_config.json"
"""`widen` copies it when the weights are complete."""


class Models:
    """Paths in `folder`, which needs 3 GB at the real size."""

    def __init__(self, folder: Path, size: str) -> None:
        """`size`: one of SIZES."""
        self._folder, self._size = folder, size

    @property
    def checkpoint(self) -> Path:
        """What everything else was made from."""
        return find_source(MODEL).folder if self._size == "nano" else self._folder / CHECKPOINT

    def artifact(self, name: str) -> Path:
        """The artifact of a format and preset, written "gguf q4_0"."""
        return self._folder / name.replace(" ", "-")

    def make(self, report: Report) -> None:
        """Make what is not there yet. Raises what `widen` and `export` raise."""
        if self._size != "nano" and not (self.checkpoint / LAST_WRITTEN).is_file():
            widen(Checkpoint.open(find_source(MODEL).folder), READER_LM_05B, self.checkpoint, dtype="BF16")
        if not self.probe.is_dir():
            export(MODEL, format="gguf", preset="bf16", out=self.probe)
        for done, (format, preset) in enumerate(EXPORTS):
            report("exports", done, len(EXPORTS))
            out = self.artifact(f"{format} {preset}")
            if not out.is_dir():
                export(self.checkpoint, format=format, preset=preset, out=out, recipe=MODEL)
        report("exports", len(EXPORTS), len(EXPORTS))

    def digests(self) -> dict[str, str]:
        """Of each artifact's model file and the data beside it, the beginnings of their sha256."""
        found = {}
        for name in (f"{format} {preset}" for format, preset in EXPORTS):
            manifest = Artifact.open(self.artifact(name)).manifest
            files = sorted(file for file in manifest.files if file.startswith(manifest.model_file))
            found[name] = "-".join(manifest.files[file].sha256[:16] for file in files)
        return found

    @property
    def probe(self) -> Path:
        """The model at its own size in full precision: what it writes, at next to no cost."""
        return self._folder / "probe"

    @property
    def tokenizer(self) -> Tokenizer:
        """The same at any size."""
        return Tokenizer.from_file(self.checkpoint / TOKENIZER)
