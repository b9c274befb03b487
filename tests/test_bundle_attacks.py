"""Bundles made to do harm, or damaged: each is refused, in words, and leaves nothing behind."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_forge import Forge, Table
from edgedoc.bundles import tar
from edgedoc.bundles.installing import install

PLACE = "artifacts/nano-reader/gguf-int8"
MODEL = f"{PLACE}/model.gguf"


def _header(name: str, size: int, fields: Table) -> bytes:
    """A header as any tar may write it, with these fields of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.fixture
def forge(artifact_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge.at(tmp_path / "root", artifact_folder, monkeypatch)


def test_the_forge_itself_makes_good_bundles(forge: Forge) -> None:
    before = forge.path.read_bytes()
    forge.write()
    assert forge.path.read_bytes() == before
    install(forge.path)


def test_wrong_checksum(forge: Forge) -> None:
    forge.content[MODEL] = b"GGUFevil"
    forge.write()
    forge.refused("model.gguf' is altered: its SHA-256 is not the one in bundle.json")


def test_missing_file(forge: Forge) -> None:
    del forge.content[MODEL]
    forge.write()
    forge.refused("it has [0-9]+ bytes, and bundle.json lists [0-9]+")
    # With something else in its place, so that the size fits.
    forge.content[MODEL] = b"x" * 8
    forge.write(headers={MODEL: tar.header("README.md", 8)})
    forge.refused(
        "promises the file 'artifacts/nano-reader/gguf-int8/model.gguf' of 8 bytes there is an entry 'README.md'"
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated(forge: Forge, share: float) -> None:
    content = forge.path.read_bytes()
    forge.path.write_bytes(content[: int(len(content) * share)])
    forge.refused("it (ends within|has|does not begin)")


@pytest.mark.parametrize("tail", [tar.END + b"\0" * 512, tar.END + b"x", b"", tar.header("b", 0) + tar.END])
def test_anything_behind_the_end(forge: Forge, tail: bytes) -> None:
    forge.write(tail=tail)
    forge.refused("it has [0-9]+ bytes, and bundle.json lists")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/etc/cron.d/evil", "is an absolute path"),
        ("C:/evil", "is an absolute path"),
        (f"{PLACE}/../../../../evil", "leads out of the bundle"),
        (f"{PLACE}/.ssh", "is not a file name on every platform"),
        (f"{PLACE}/a\\b", "is not a file name on every platform"),
        (f"{PLACE}/MODEL.gguf", "are one file where upper and lower case are"),
        (f"{MODEL}/x", "is a file, and a folder in"),
        ("artifacts/other/gguf-int8/x", "belongs to no artifact"),
        ("bundle.json", "one file"),
    ],
)
def test_names_in_the_manifest(forge: Forge, name: str, message: str) -> None:
    forge.put(name, b"evil")
    forge.write()
    forge.refused(message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "there is a symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": "../../outside"}, "there is a hard link"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, "there is a device"),
        ({"type": tarfile.FIFOTYPE}, "there is a device"),
        ({"type": tarfile.DIRTYPE}, "there is a folder"),
        ({"type": tarfile.XHDTYPE}, "there is a PAX header"),
        ({"type": tarfile.GNUTYPE_SPARSE}, "there is an entry"),
        ({"name": "../outside"}, "there is an entry '../outside'"),
        ({"name": "/outside"}, "there is an entry '/outside'"),
        ({"size": 2**33 - 1}, "there is an entry"),
        ({"mode": 0o4755}, "there is an entry"),
        ({"uid": 1000}, "there is an entry"),
        ({"mtime": 1}, "there is an entry"),
    ],
)
def test_headers_that_are_not_ours(forge: Forge, fields: Table, message: str) -> None:
    forge.write(headers={MODEL: _header(MODEL, 8, fields)})
    forge.refused(message)


def test_a_tar_of_others(forge: Forge, tmp_path: Path) -> None:
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(forge.path, "w", format=format) as opened:
            opened.addfile(tarfile.TarInfo("evil"), io.BytesIO())
        forge.refused("does not begin with bundle.json but with an entry 'evil'")


def test_a_long_name_that_says_otherwise(forge: Forge) -> None:
    name = f"{PLACE}/{'n' * 90}"
    forge.put(name, b"")
    forge.write()
    forge.refused("is not the artifact its own manifest.json describes")
    forge.path.write_bytes(forge.path.read_bytes().replace(f" path={name}\n".encode(), f" path=/{name[1:]}\n".encode()))
    forge.refused("there is a PAX header")


def test_padding_that_hides_something(forge: Forge) -> None:
    content = forge.path.read_bytes()
    at = content.index(b"GGUF\0\0\0\0") + 9
    forge.path.write_bytes(content[:at] + b"x" + content[at + 1 :])
    forge.refused("promises zeros behind 'artifacts/nano-reader/gguf-int8/model.gguf'")


def _with(**changes: Any) -> Callable[[Table], Table]:
    return lambda table: table | changes


def _wheels(requirement: str) -> Callable[[Table], Table]:
    added = {"wheels": {"requirement": requirement, "platforms": ["any"], "python": "3.11"}}
    return lambda table: {name: table[name] for name in table if name != "files"} | added | {"files": table["files"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with(schema=2), "has schema 2; this edgedoc reads 1"),
        (_with(more=1), "'more' is not a key"),
        (_with(created="now"), "'created' is no time in UTC"),
        (_with(artifacts=[]), "names none, or one twice"),
        (_with(artifacts=[PLACE, PLACE]), "names none, or one twice"),
        (_with(artifacts=[PLACE, "artifacts/../gguf-int8"]), "is no place of an artifact"),
        (_with(artifacts=[PLACE, "artifacts/nano-reader/pickle-x"]), "is no place of an artifact"),
        (_with(artifacts=[PLACE, "artifacts/nano-reader/onnx-int8"]), "has no manifest.json"),
        (_wheels("x'; rm -rf '"), "not edgedoc with its extras"),
        (_wheels("--index-url=http://evil"), "not edgedoc with its extras"),
        (_with(licences={}), "states other licences than its artifacts do"),
        (lambda table: table | {"files": dict(reversed(table["files"].items()))}, "not sorted"),
        (
            lambda table: {**table, "files": {**table["files"], MODEL: {"bytes": -1, "sha256": "0" * 64}}},
            "no possible size",
        ),
        (
            lambda table: {**table, "files": {**table["files"], MODEL: {"bytes": 8, "sha256": "F" * 64}}},
            "no possible size",
        ),
    ],
)
def test_manifests_that_are_not_ours(forge: Forge, change: Callable[[Table], Table], message: str) -> None:
    forge.table = change(forge.table)
    forge.write()
    forge.refused(message)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", "[" * 100_000, '{"schema": 1, "schema": 1}', '{"schema": NaN}', "\xff", "9" * 5000]
)
def test_manifests_that_are_no_json(forge: Forge, text: str) -> None:
    forge.write(text=text)
    forge.refused("bundle.json|ordinal not in range|decode")


def test_the_manifest_has_one_spelling(forge: Forge) -> None:
    forge.write(text=json.dumps(forge.table))
    forge.refused("bundle.json is not as edgedoc writes it")


def test_a_manifest_too_large_is_not_read(forge: Forge) -> None:
    forge.path.write_bytes(tar.header("bundle.json", 2**32) + bytes(512))
    forge.refused("does not begin with bundle.json")


def test_an_artifact_that_is_not_what_it_says(forge: Forge) -> None:
    forge.put(f"{PLACE}/extra.py", b"import os")
    forge.write()
    forge.refused("is not the artifact its own manifest.json describes")


def test_an_artifact_under_anothers_name(forge: Forge) -> None:
    text = json.dumps(forge.table)
    forge.table = json.loads(text.replace("nano-reader/", "reader-lm-0.5b/"))
    forge.content = {name.replace("nano-reader/", "reader-lm-0.5b/"): text for name, text in forge.content.items()}
    forge.write()
    forge.refused("is not the artifact its own manifest.json describes")
