"""An artifact folder: model, tokenizer, recipe and manifest, complete in itself. Knows no engine and no checkpoint.

Opening is cheap (presence and sizes); `check` reads every byte. Folders hold plain files only: a symbolic link would
make an artifact depend on something outside it.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgedoc.errors import ArtifactError, MissingModelError, UsageError
from edgedoc.manifest import MANIFEST, AdapterEntry, FileEntry, Format, Manifest, ManifestSource, Origin, TensorTotals
from edgedoc.recipes import Licence, Recipe, parse_recipe

__all__ = ["AdapterEntry", "Artifact", "FileEntry", "Format", "Manifest", "ManifestSource", "Origin", "TensorTotals"]

TOKENIZER = "tokenizer.json"
RECIPE = "recipe.toml"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One exported model, ready to run."""

    path: Path
    recipe: Recipe
    manifest: Manifest
    adapter: str | None = None
    """Which of `manifest.adapters` goes over the model to make it what `recipe` describes."""

    @classmethod
    def open(cls, path: str | Path) -> "Artifact":
        """Open an artifact folder without reading the model.

        Raises MissingModelError when nothing is there, ArtifactError when the folder is foreign, incomplete or cut
        short.
        """
        folder = Path(path)
        if not folder.exists():
            raise MissingModelError(
                f"There is no artifact at {folder}. Make one with: edgedoc export MODEL --out {folder}"
            )
        if not folder.is_dir():
            raise ArtifactError(f"{folder} is a file; an artifact is a folder with a {MANIFEST}. Name the folder.")
        manifest = Manifest.read(folder)
        for name in (TOKENIZER, RECIPE):
            if name not in manifest.files:
                raise ArtifactError(
                    f"{folder / MANIFEST} does not list {name}: the artifact is incomplete, export it again."
                )
        for name, entry in manifest.files.items():
            problem = _size_problem(folder, name, entry)
            if problem:
                raise ArtifactError(f"{folder}: {problem}. Export the model again or copy the folder again.")
        recipe = _read_recipe(folder, RECIPE)
        # A base without a recipe of its own is described by that of its first adapter.
        adapter = recipe.name if recipe.name in (manifest.adapters or {}) else None
        return cls(path=folder, recipe=recipe, manifest=manifest, adapter=adapter)

    def adapted(self, wanted: str) -> "Artifact":
        """This artifact as one of its adapters makes it; `wanted` is a recipe's name, or a mode only one of them has.

        Raises UsageError naming what there is, ArtifactError when that recipe is broken.
        """
        recipes = {
            name: _read_recipe(self.path, entry.recipe) for name, entry in (self.manifest.adapters or {}).items()
        }
        fitting = [name for name, recipe in recipes.items() if wanted in (name, recipe.mode)]
        if wanted in recipes:
            fitting = [wanted]
        if len(fitting) != 1:
            there = ", ".join(f"{name} ({recipe.mode or recipe.task})" for name, recipe in recipes.items())
            raise UsageError(
                f"{self.path} has {len(fitting) or 'no'} adapters for {wanted!r}; name one of its own: {there}"
                if recipes
                else f"{self.path} holds no adapters, only {self.recipe.name} ({self.recipe.mode or self.recipe.task})"
            )
        return replace(self, recipe=recipes[fitting[0]], adapter=fitting[0])

    @property
    def format(self) -> Format:
        """gguf or onnx."""
        return self.manifest.format

    @property
    def model_path(self) -> Path:
        """The model file."""
        return self.path / self.manifest.model_file

    @property
    def adapter_path(self) -> Path | None:
        """The adapter's file, to be put over the model; None when the model is meant as it is."""
        entry = (self.manifest.adapters or {}).get(self.adapter or "")
        return self.path / entry.file if entry is not None else None

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer.json."""
        return self.path / TOKENIZER

    @property
    def licences(self) -> dict[str, Licence]:
        """The licence of every model in it, by recipe name: its own and those of its adapters."""
        adapters = {name: entry.licence for name, entry in (self.manifest.adapters or {}).items()}
        return {self.recipe.name: self.manifest.licence} | adapters

    @property
    def size(self) -> int:
        """Bytes of all files the manifest lists."""
        return sum(entry.bytes for entry in self.manifest.files.values())

    def problems(self) -> list[str]:
        """Everything that differs from the manifest, read to the last byte: altered, missing and extra files."""
        found = []
        for name, entry in self.manifest.files.items():
            problem = _size_problem(self.path, name, entry)
            if problem is None and FileEntry.of(self.path / name) != entry:
                problem = f"{name} is altered: its SHA-256 is not the one in the manifest"
            if problem:
                found.append(problem)
        return found + [f"{name} does not belong to the artifact" for name in self._strangers(self.path)]

    def _strangers(self, folder: Path) -> Iterator[str]:
        """Entries below `folder` that hold no file of the manifest; a folder of none is named, not its content."""
        known = {MANIFEST, *self.manifest.files}
        for entry in sorted(folder.iterdir()):
            name = entry.relative_to(self.path).as_posix()
            if entry.is_dir() and not entry.is_symlink() and any(file.startswith(f"{name}/") for file in known):
                yield from self._strangers(entry)
            elif name not in known:
                yield name

    def check(self) -> None:
        """Raises ArtifactError naming every problem; returns when the folder is exactly what was exported."""
        try:
            found = self.problems()
        except OSError as error:
            raise ArtifactError(f"Cannot read {self.path}: {error}.") from error
        if found:
            raise ArtifactError(f"{self.path} is not what was exported: {'; '.join(found)}. Export or copy it again.")


def _read_recipe(folder: Path, name: str) -> Recipe:
    try:
        return parse_recipe((folder / name).read_text("utf-8"), str(folder / name))
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise ArtifactError(f"The recipe of {folder} cannot be used: {error}") from error


def _size_problem(folder: Path, name: str, entry: FileEntry) -> str | None:
    path = folder
    for part in name.split("/")[:-1]:
        path /= part
        if path.is_symlink():
            return f"{path.relative_to(folder).as_posix()} is a symbolic link, not a folder"
    try:
        status = (folder / name).lstat()
    except OSError:
        return f"{name} is missing"
    if not stat.S_ISREG(status.st_mode):
        return f"{name} is not a plain file"
    if status.st_size != entry.bytes:
        return f"{name} has {status.st_size} bytes instead of {entry.bytes}"
    return None
