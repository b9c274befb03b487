"""Adapters beside the model they go with, in one artifact: a device holds one base and a few small files.

Knows the places in the folder and what the manifest says of them.
"""

from collections.abc import Iterable
from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.manifest import AdapterEntry, Format
from edgedoc_export.adapter import Adapter
from edgedoc_export.adapter_gguf import require_plain, write_adapter
from edgedoc_export.merged import Merged, merge
from edgedoc_export.sources import ExportSource
from edgedoc_export.tensors import TensorSource

ADAPTERS, RECIPES = "adapters", "recipes"


def require_gguf(format: str) -> None:
    """Raises UsageError for a format whose models cannot take adapters when they run."""
    if format != Format.GGUF:
        raise UsageError(
            f"--unmerged needs --format gguf: an {format.upper()} graph cannot take an adapter when it runs. Leave out "
            "--unmerged and export each adapter on its own, merged."
        )


class Adapters:
    """Adapters over one base, checked against it and not yet written; NAME of each is its recipe's name."""

    def __init__(self, sources: Iterable[ExportSource], base: TensorSource) -> None:
        """Raises CheckpointError for an adapter that does not fit `base`, UsageError for one no GGUF file can hold."""
        self._merged: dict[str, tuple[ExportSource, Adapter, Merged]] = {}
        for source in sources:
            assert source.adapter is not None  # find_family() saw to it
            merged = merge(base, source.adapter, str(source.folder))
            require_plain(source.adapter, merged)
            self._merged[source.recipe.name] = source, source.adapter, merged

    def write(self, folder: Path, preset: str) -> dict[str, AdapterEntry] | None:
        """Write adapters/NAME.gguf and recipes/NAME.toml, or nothing and None where there are none.

        Beside an f32 model they are f32, else f16. Raises what `write_adapter` raises.
        """
        entries = {}
        for name, (source, adapter, merged) in self._merged.items():
            file, text = f"{ADAPTERS}/{name}.gguf", f"{RECIPES}/{name}.toml"
            for path in (folder / file, folder / text):
                path.parent.mkdir(exist_ok=True)
            write_adapter(merged, adapter, source.recipe, folder / file, f16=preset != "f32")
            (folder / text).write_text(source.recipe.to_toml(), "utf-8")
            entries[name] = AdapterEntry(
                file=file,
                recipe=text,
                source=source.origin,
                licence=source.recipe.licence,
                parameters=adapter.parameters,
            )
        return entries or None
