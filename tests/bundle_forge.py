"""Makes bundles that edgedoc would never write, for tests."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.bundles import tar
from edgedoc.bundles.installing import install
from edgedoc.bundles.minisign import PublicKey
from edgedoc.bundles.writing import write
from edgedoc.errors import ArtifactError, EdgedocError
from edgedoc.schema import to_table

Table = dict[str, Any]


class Forge:
    """A good bundle taken apart, to be put together with anything in it."""

    @classmethod
    def at(cls, root: Path, artifact: Path, monkeypatch: pytest.MonkeyPatch) -> "Forge":
        """With bundle and store in the new folder `root`."""
        root.mkdir()
        monkeypatch.setenv("EDGEDOC_HOME", str(root / "home"))
        return cls(Artifact.open(artifact), root)

    def __init__(self, artifact: Artifact, folder: Path) -> None:
        self.path = folder / "x.tar"
        self.root = folder
        self.table: Table = to_table(write([artifact], self.path))
        with tarfile.open(self.path) as opened:
            files = ((member.name, opened.extractfile(member)) for member in opened.getmembers())
            self.content = {name: file.read() for name, file in files if file is not None}
        del self.content["bundle.json"]

    def put(self, name: str, content: bytes) -> None:
        """A file with its true size and checksum in the manifest."""
        self.content[name] = content
        entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        self.table["files"] = dict(sorted((self.table["files"] | {name: entry}).items()))

    def write(self, text: str | None = None, headers: dict[str, bytes] | None = None, tail: bytes = tar.END) -> None:
        """The bundle, with other text as its bundle.json, and other headers for some files."""
        manifest = (text if text is not None else json.dumps(self.table, indent=1) + "\n").encode()
        parts = [_entry(tar.header("bundle.json", len(manifest)), manifest)]
        for name in self.table["files"]:
            content = self.content.get(name)
            if content is not None:
                parts.append(_entry((headers or {}).get(name) or tar.header(name, len(content)), content))
        self.path.write_bytes(b"".join(parts) + tail)

    def refused(self, message: str, kind: type[EdgedocError] = ArtifactError, key: PublicKey | None = None) -> None:
        """Installing raises `kind`, and no file appears anywhere."""
        before = files_below(self.root)
        with pytest.raises(kind, match=message):
            install(self.path, key=key)
        assert files_below(self.root) == before


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def _entry(header: bytes, content: bytes) -> bytes:
    return header + content + tar.padding(len(content))
