"""Writes the files of a bundle into folders, each below the folder its name belongs to. Knows no tar and no store."""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO


class Unpacker:
    """Takes the pieces of one file after the other. `places`: which new, empty folder stands for `a/b` in `a/b/c`.

    Names were checked when the bundle was read. Files of no place are left out; nothing that exists is written to.
    """

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = places
        self._name = ""
        self._file: BinaryIO | None = None

    def __enter__(self) -> "Unpacker":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def take(self, name: str, piece: bytes) -> None:
        """Write the next piece of the file `name`. Raises OSError."""
        if name != self._name:
            self._close()
            self._name = name
            if path := self._path(name):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("xb")
        if self._file is not None:
            self._file.write(piece)

    def _path(self, name: str) -> Path | None:
        for place, folder in self._places.items():
            if name.startswith(f"{place}/"):
                return folder / name.removeprefix(f"{place}/")
        return None

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
