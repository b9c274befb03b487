"""The artifacts of a suite, made before anything is measured, and what is written down of them. Measures nothing.

Artifacts lie in the folder of the results and are made once: a bench that goes on finds them there, and makes them
again when the folder of their checkpoint has changed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgedoc.artifact import Artifact
from edgedoc.console import Report
from edgedoc.engines import gguf_header, onnx_header
from edgedoc.errors import EdgedocError, MissingPackageError
from edgedoc.manifest import MANIFEST, Format
from edgedoc.recipes import Task
from edgedoc.schema import to_table
from edgedoc_bench.cells import Given, digest
from edgedoc_bench.demo import model_bytes
from edgedoc_bench.peers import FORMATS
from edgedoc_bench.stand_ins import make_stand_in
from edgedoc_bench.suite import Models, SuiteFile


@dataclass
class Made:
    """What there is to measure, and the rows of artifacts and failures to write about it."""

    given: list[Given] = field(default_factory=list)
    checkpoints: dict[str, Path] = field(default_factory=dict)
    """Model -> the folder of its checkpoint, for peers that run no artifact."""
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)


def make_artifacts(suite: SuiteFile, out: Path, report: Report) -> Made:
    """Export what the suite names and is not there yet. What cannot be made is a failure; the others go on."""
    made = Made()
    wanted = [(entry, place) for entry in suite.suite.models for place in _places(entry, suite.base, out)]
    for number, (entry, (format, preset, folder)) in enumerate(wanted):
        label = f"{_named(entry)} {format} {preset}".rstrip()
        report(f"artifact {number + 1} of {len(wanted)}: {label}", 0, 1)
        started = time.perf_counter()
        try:
            there = (folder / MANIFEST).exists() and not (preset and _outdated(folder, suite.base / entry.model))
            if not there:
                _export(entry, _source(entry, suite.base, out), format, preset, folder)
            artifact = Artifact.open(folder)
        except EdgedocError as error:
            stage = "export" if not isinstance(error, MissingPackageError) else "missing"
            made.failures.append(_failure(label, stage, error))
            continue
        seconds = None if there else time.perf_counter() - started
        _add(made, entry, artifact, seconds)
    return made


def find_checkpoints(suite: SuiteFile, out: Path, made: Made) -> None:
    """Where the readers' checkpoints are, if a peer wants them; one that cannot be had is a failure."""
    peers = {peer for work in suite.suite.tasks for peer in work.peers}
    if not any(FORMATS[peer] is None for peer in peers):
        return
    from edgedoc_export.sources import find_source

    readers = {given.model for given in made.given if given.task is Task.READER}
    for entry in suite.suite.models:
        if entry.model in readers:
            try:
                source = _source(entry, suite.base, out)
                made.checkpoints[entry.model] = find_source(source, recipe=_recipe(entry)).folder
            except EdgedocError as error:
                made.failures.append(_failure(f"the checkpoint of {entry.model}", "missing", error))


def fingerprint(artifact: Artifact) -> str:
    """One hash of all files of an artifact, by what its manifest says of them."""
    return digest({name: entry.sha256 for name, entry in artifact.manifest.files.items()})


def _places(entry: Models, base: Path, out: Path) -> Iterator[tuple[str, str, Path]]:
    """Format, preset and folder of every artifact: the ready ones, then those to make."""
    for name in entry.artifacts:
        folder = base / name
        yield folder.name, "", folder
    model = "-".join([_short(entry), *([entry.stand_in] if entry.stand_in is not None else [])])
    for format in entry.formats:
        for preset in entry.presets:
            yield format, preset, out / "artifacts" / model / f"{format}-{preset}"


def _export(entry: Models, source: Path | str, format: str, preset: str, out: Path) -> None:
    from edgedoc_export.build import export

    export(source, format=format, preset=preset, out=out, recipe=_recipe(entry), overwrite=(out / MANIFEST).exists())


def _outdated(artifact: Path, checkpoint: Path) -> bool:
    """Whether a file of the checkpoint is newer than the artifact: trained on since then. A name is never outdated."""
    made = (artifact / MANIFEST).stat().st_mtime
    return checkpoint.is_dir() and any(file.stat().st_mtime > made for file in checkpoint.iterdir() if file.is_file())


def _source(entry: Models, base: Path, out: Path) -> Path | str:
    """What the artifacts are made of; a path in a suite is relative to its file."""
    folder = base / entry.model
    source = folder if folder.is_dir() else entry.model
    if entry.stand_in is None:
        return source
    return make_stand_in(entry.stand_in, source, out / "checkpoints" / f"{_short(entry)}-{entry.stand_in}").absolute()


def _recipe(entry: Models) -> str | None:
    # A stand-in is a folder of weights, used as the model whose place it takes.
    return entry.recipe or (entry.model if entry.stand_in is not None else None)


def _short(entry: Models) -> str:
    return Path(entry.model).name


def _named(entry: Models) -> str:
    """The model as its artifacts are labelled."""
    return f"{_short(entry)} ({entry.stand_in}, 0.5B)" if entry.stand_in is not None else _short(entry)


def _add(made: Made, entry: Models, artifact: Artifact, seconds: float | None) -> None:
    manifest = artifact.manifest
    family = f"{_named(entry)} {manifest.format}"
    label, reference = f"{family} {manifest.preset}", f"{family} {entry.reference}"
    taken = {given.label for given in made.given}
    names = (label, f"{label} ({artifact.path.name})", f"{label} ({artifact.path})")
    label = next((name for name in names if name not in taken), names[-1])
    given = Given(
        label=label,
        model=entry.model,
        artifact=artifact,
        sha256=fingerprint(artifact),
        reference=reference if reference != label else None,
    )
    made.given.append(given)
    made.artifacts.append(
        {
            "artifact": label,
            "model": entry.model,
            "task": given.task,
            "format": manifest.format,
            "preset": manifest.preset,
            "sha256": given.sha256,
            "path": str(artifact.path),
            "file_bytes": model_bytes(artifact),
            "bits_per_weight": manifest.bits_per_weight,
            "parameters": manifest.parameters,
            "head_parameters": _head_parameters(artifact),
            "tensor_types": {name: to_table(total) for name, total in manifest.tensor_types.items()},
            "source": to_table(manifest.source),
            "export_seconds": seconds,
            "reference": given.reference,
        }
    )


def _head_parameters(artifact: Artifact) -> int:
    """Weights of the output head, which is the embedding as well in every model edgedoc knows."""
    if artifact.format is Format.GGUF:
        gguf = gguf_header.read_header(artifact.model_path)
        return gguf.vocab_size * gguf.embedding_length
    graph = onnx_header.read_header(artifact.model_path)
    return graph.vocab_size * graph.hidden_size


def _failure(name: str, stage: str, error: EdgedocError) -> dict[str, Any]:
    return {
        "cell": None,
        "name": name,
        "document": None,
        "stage": stage,
        "error": type(error).__name__,
        "message": str(error),
        "code": None,
    }
