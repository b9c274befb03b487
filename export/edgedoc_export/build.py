"""The whole way from a checkpoint to an artifact folder: read, write, count, describe, publish.

Knows the order of the steps and nothing of how each is done; what differs between the formats is a ModelWriter.
"""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Protocol

from edgedoc import __version__, store
from edgedoc.artifact import RECIPE, TOKENIZER
from edgedoc.errors import MissingPackageError, OutputError, UsageError
from edgedoc.manifest import FileEntry, Format, Manifest, TensorTotals
from edgedoc.staging import staged
from edgedoc_export.build_gguf import GgufModel
from edgedoc_export.build_onnx import OnnxModel
from edgedoc_export.progress import Progress, silent
from edgedoc_export.sources import ExportSource, find_family, find_source
from edgedoc_export.tensors import TensorSource
from edgedoc_export.unmerged import Adapters, require_gguf

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE")


class ModelWriter(Protocol):
    """A checkpoint, a preset and a format: everything decided, nothing written."""

    @property
    def model_file(self) -> str:
        """The file an engine opens, relative to the artifact."""

    @property
    def store_name(self) -> str:
        """What tells this export from others of the same model and format in the store."""

    @property
    def tools(self) -> Sequence[str]:
        """Distributions whose versions belong in the manifest."""

    def write(self, folder: Path, threads: int, progress: Progress) -> None:
        """Fill `folder` with the model and what belongs to its format."""

    def tensor_types(self, folder: Path) -> dict[str, TensorTotals]:
        """Totals by storage type, read back from what was written."""


def ignore(message: str) -> None:
    """A notice nobody reads."""


def export(
    model: str | Path,
    *,
    format: str = "gguf",
    preset: str = "int8",
    graph: str | None = None,
    context: int | None = None,
    out: Path | None = None,
    revision: str | None = None,
    adapter: str | Path | Sequence[str | Path] | None = None,
    unmerged: bool = False,
    recipe: str | Path | None = None,
    overwrite: bool = False,
    download_bars: bool = False,
    threads: int = 0,
    progress: Progress = silent,
    notice: Callable[[str], None] = ignore,
) -> Path:
    """Make an artifact folder of `model` and return its path: `out`, or the recipe's place in the store.

    `model`, `revision`, `recipe` and `download_bars` as in `sources.find_source`. `adapter` is merged into `model`, or
    with `unmerged` (GGUF only) it and as many more as are given stay apart, in the same artifact. ONNX only: `graph` is
    edge (default) or portable, `context` the tokens the edge graph can hold, by default the recipe's. `notice` is told
    what the licences forbid, and when an adapter is put over another base than it was trained on.
    Raises UsageError, MissingError, CheckpointError, EngineError or OutputError; then nothing is left behind at the
    destination.
    """
    if format not in list(Format):
        raise UsageError(f"There is no exporter for the format {format!r}; this version writes {' and '.join(Format)}")
    adapters = () if adapter is None else (adapter,) if isinstance(adapter, str | Path) else tuple(adapter)
    if unmerged:
        require_gguf(format)
    elif len(adapters) > 1:
        raise UsageError("One adapter can be merged into a model; with --unmerged several stay apart, in one artifact")
    _require_package(format, "export")
    kept: tuple[ExportSource, ...] = ()
    if unmerged:
        source, kept = find_family(model, adapters, revision=revision, recipe=recipe, download_bars=download_bars)
    else:
        over = adapters[0] if adapters else None
        source = find_source(model, revision=revision, adapter=over, recipe=recipe, download_bars=download_bars)
    checkpoint = source.open()
    apart = Adapters(kept, checkpoint)
    kind = GgufModel if format == Format.GGUF else OnnxModel
    writer: ModelWriter = kind(source, checkpoint, preset, graph=graph, context=context)
    name = f"{writer.store_name}-unmerged" if unmerged else writer.store_name
    destination = out if out is not None else store.artifact_path(source.recipe.name, format, name)
    for told in {used.recipe.name: used for used in (source, *kept)}.values():
        _tell(told, notice)
    with _output_errors(destination), staged(destination, overwrite=overwrite) as folder:
        writer.write(folder, threads, progress)
        adapter_entries = apart.write(folder, preset)
        shutil.copyfile(source.tokenizer / TOKENIZER, folder / TOKENIZER)
        (folder / RECIPE).write_text(source.recipe.to_toml(), "utf-8")
        _copy_licences(source, kept, folder)
        manifest = _manifest(source, checkpoint, Format(format), preset, writer, folder)
        replace(manifest, adapters=adapter_entries).write(folder)
    return destination


def _manifest(
    source: ExportSource, checkpoint: TensorSource, format: Format, preset: str, writer: ModelWriter, folder: Path
) -> Manifest:
    totals, parameters = writer.tensor_types(folder), checkpoint.config.parameters
    # Of the model's own parameters: a table that is stored twice costs twice. Tables that are no weights do not count.
    stored = sum(total.bytes for total in totals.values() if total.weights)
    return Manifest(
        edgedoc=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        format=format,
        preset=preset,
        model_file=writer.model_file,
        source=source.origin,
        licence=source.recipe.licence,
        parameters=parameters,
        bits_per_weight=round(8 * stored / parameters, 4),
        tensor_types=totals,
        files={
            path.relative_to(folder).as_posix(): FileEntry.of(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        tools={name: metadata.version(name) for name in writer.tools if _is_installed(name)},
    )


def _copy_licences(source: ExportSource, kept: Sequence[ExportSource], folder: Path) -> None:
    """The model's under their own names, those of the adapters with what they belong to before it."""
    for licence in LICENCE_FILES:
        for place, prefix in _licence_folders(source, kept):
            if (place / licence).is_file():
                shutil.copyfile(place / licence, folder / f"{prefix}{licence}")


def _licence_folders(source: ExportSource, kept: Sequence[ExportSource]) -> Iterator[tuple[Path, str]]:
    if source.adapter is None:
        yield source.folder, ""
    else:
        yield source.adapter.folder, ""
        yield source.folder, "base-"
    for one in kept:
        assert one.adapter is not None
        yield one.adapter.folder, f"{one.recipe.name}-"


def _tell(source: ExportSource, notice: Callable[[str], None]) -> None:
    licence, origin = source.recipe.licence, source.origin
    if licence.commercial is not True:
        notice(f"{source.recipe.name}: {licence.terms}")
    if origin.trained_on is not None:
        notice(f"{source.recipe.name}: the adapter was trained over {origin.trained_on} and goes over {origin.base}")


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
