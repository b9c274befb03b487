"""The whole way from a checkpoint to an artifact folder: read, write, quantise, count, describe, publish.

Knows the order of the steps and nothing of how each is done.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from edgedoc import __version__, store
from edgedoc.artifact import RECIPE, TOKENIZER
from edgedoc.errors import MissingPackageError, OutputError, UsageError
from edgedoc.manifest import FileEntry, Format, Manifest
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import ITEM_BYTES
from edgedoc_export.gguf import DTYPES, write_gguf
from edgedoc_export.naming import file_name
from edgedoc_export.presets import Float, Quantisation, encoding, plan
from edgedoc_export.progress import Progress, silent
from edgedoc_export.quantize import quantize
from edgedoc_export.sources import ExportSource, find_source
from edgedoc_export.staging import staged
from edgedoc_export.tensor_types import bits_per_weight, tensor_types
from edgedoc_export.tensors import matrix_dtype

INTERMEDIATE = "intermediate.gguf"
LOSSLESS: dict[str, Float] = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE")


def ignore(message: str) -> None:
    """A notice nobody reads."""


def export(
    model: str | Path,
    *,
    format: str = "gguf",
    preset: str = "int8",
    out: Path | None = None,
    revision: str | None = None,
    adapter: str | Path | None = None,
    recipe: str | Path | None = None,
    overwrite: bool = False,
    download_bars: bool = False,
    threads: int = 0,
    progress: Progress = silent,
    notice: Callable[[str], None] = ignore,
) -> Path:
    """Make an artifact folder of `model` and return its path: `out`, or the recipe's place in the store.

    `model`, `revision`, `recipe` and `download_bars` as in `sources.find_source`. `notice` is told, once, what the
    licence forbids.
    Raises UsageError, MissingError, CheckpointError, EngineError or OutputError; then nothing is left behind at the
    destination.
    """
    if format != Format.GGUF:
        raise UsageError(f"There is no exporter for the format {format!r}; this version writes gguf")
    if adapter is not None:
        raise UsageError("This version exports whole checkpoints; merge the adapter first (PEFT: merge_and_unload)")
    _require_package("gguf", "export")
    source = find_source(model, revision=revision, recipe=recipe, download_bars=download_bars)
    checkpoint = Checkpoint.open(source.folder)
    planned = plan(preset, checkpoint.config)
    name = file_name(source.recipe.identity, encoding(planned))
    destination = out if out is not None else store.artifact_path(source.recipe.name, format, preset)
    _tell_licence(source, notice)
    with _output_errors(destination), staged(destination, overwrite=overwrite) as folder:
        _write_model(source, checkpoint, planned, folder / name, threads, progress)
        shutil.copyfile(source.folder / TOKENIZER, folder / TOKENIZER)
        (folder / RECIPE).write_text(source.recipe.to_toml(), "utf-8")
        for licence in LICENCE_FILES:
            if (source.folder / licence).is_file():
                shutil.copyfile(source.folder / licence, folder / licence)
        _manifest(source, checkpoint, preset, folder, name).write(folder)
    return destination


def _write_model(
    source: ExportSource,
    checkpoint: Checkpoint,
    planned: Float | Quantisation,
    out: Path,
    threads: int,
    progress: Progress,
) -> None:
    if not isinstance(planned, Quantisation):
        _require_room(checkpoint, planned, out.parent, quantised=False)
        write_gguf(checkpoint, source.folder, source.recipe, out, planned, progress)
        return
    # In the checkpoint's own type the intermediate is exact: bf16 through f16 would lose range, f32 would double
    # the disk.
    dtype = LOSSLESS[matrix_dtype(checkpoint)]
    _require_room(checkpoint, dtype, out.parent, quantised=True)
    intermediate = out.with_name(INTERMEDIATE)
    write_gguf(checkpoint, source.folder, source.recipe, intermediate, dtype, progress)
    quantize(intermediate, out, planned, threads=threads, progress=progress)
    intermediate.unlink()


def _require_room(checkpoint: Checkpoint, dtype: Float, folder: Path, *, quantised: bool) -> None:
    """Refuse before an hour of work. A quantised file takes at most 8.5 bits a weight; the tokenizer is left out."""
    parameters = checkpoint.config.parameters
    needed = parameters * ITEM_BYTES[DTYPES[dtype]] + (parameters * 17 // 16 if quantised else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The disk is full: the export needs {needed >> 20} MB in {folder.parent}, {free >> 20} are free"
        )


def _manifest(source: ExportSource, checkpoint: Checkpoint, preset: str, folder: Path, model_file: str) -> Manifest:
    totals = tensor_types(folder / model_file)
    return Manifest(
        edgedoc=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        format=Format.GGUF,
        preset=preset,
        model_file=model_file,
        source=source.origin,
        licence=source.recipe.licence,
        parameters=checkpoint.config.parameters,
        bits_per_weight=round(bits_per_weight(totals), 4),
        tensor_types=totals,
        files={path.name: FileEntry.of(path) for path in sorted(folder.iterdir())},
        tools={name: metadata.version(name) for name in ("gguf", "llama-cpp-python", "numpy") if _is_installed(name)},
    )


def _tell_licence(source: ExportSource, notice: Callable[[str], None]) -> None:
    licence = source.recipe.licence
    if licence.commercial is not True:
        terms = " ".join(part for part in (licence.id, licence.note, licence.link) if part)
        notice(f"{source.recipe.name}: {terms}")


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _require_package(distribution: str, extra: str) -> None:
    if not _is_installed(distribution):
        raise MissingPackageError(distribution, extra)


@contextmanager
def _output_errors(destination: Path) -> Iterator[None]:
    """Reading errors are already CheckpointErrors here: what is left comes from writing."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise OutputError(
                f"The disk is full: {destination} could not be written. Make room and export again."
            ) from error
        raise OutputError(f"Cannot write {destination}: {error.strerror or error}") from error
