"""edgedoc.bundles: what is bundled is what is installed, twice the same bytes, and tar reads it."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgedoc import store
from edgedoc.artifact import Artifact
from edgedoc.bundles import names, tar
from edgedoc.bundles.installing import install
from edgedoc.bundles.manifest import BundleManifest, Wheels
from edgedoc.bundles.writing import write
from edgedoc.errors import ArtifactError, MissingModelError, OutputError, UsageError
from edgedoc.manifest import FileEntry, Manifest
from edgedoc.recipes import Licence

PLACE = "artifacts/nano-reader/gguf-int8"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return tmp_path / "home"


@pytest.fixture
def artifact(artifact_folder: Path) -> Artifact:
    return Artifact.open(artifact_folder)


def _remade(artifact: Artifact, change: Callable[[Manifest], Manifest], folder: Path) -> Artifact:
    """A copy of an artifact in `folder` with another manifest over whatever files are there."""
    if folder != artifact.path:
        shutil.copytree(artifact.path, folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    entries = {path.relative_to(folder).as_posix(): FileEntry.of(path) for path in files}
    change(replace(artifact.manifest, files=entries)).write(folder)
    return Artifact.open(folder)


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_goes_in_comes_out(artifact: Artifact, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "x.tar"
    written = write([artifact], out)
    done = install(out)
    assert done.manifest == written
    assert done.artifacts == (home / PLACE,) and done.known == () and done.comment is None
    assert _files(home) == [f"{PLACE}/{name}" for name in _files(artifact.path)]
    assert store.resolve("nano-reader").manifest == artifact.manifest
    store.resolve("nano-reader").check()
    assert install(out).known == (home / PLACE,)


def test_the_same_artifacts_give_the_same_bytes(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _remade(artifact, lambda manifest: replace(manifest, preset="int4"), tmp_path / "other")
    write([artifact, other], tmp_path / "a.tar")
    moved = Path(shutil.copytree(artifact.path, tmp_path / "moved"))
    os.utime(moved / "model.gguf", (1, 1))
    (moved / "recipe.toml").chmod(0o600)
    write([other, Artifact.open(moved)], tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert write([artifact], tmp_path / "c.tar").created == "2023-11-14T22:13:20+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="not seconds since 1970"):
        write([artifact], tmp_path / "c.tar")


def test_every_tar_reads_it(artifact: Artifact, tmp_path: Path) -> None:
    out = tmp_path / "x.tar"
    manifest = write([artifact], out)
    with tarfile.open(out) as opened:
        members = opened.getmembers()
        assert [member.name for member in members] == ["bundle.json", *manifest.files]
        assert all(member.isreg() and member.mode == 0o644 and not member.pax_headers for member in members)
        content = opened.extractfile("bundle.json")
        assert content is not None and BundleManifest.from_json(content.read().decode()) == manifest
    if tool := shutil.which("tar"):
        text = subprocess.run([tool, "-xOf", out, "README.txt"], capture_output=True, text=True, check=True).stdout
        assert "edgedoc install BUNDLE.tar" in text and "Apache-2.0" in text


@pytest.mark.parametrize("length", [1, 100, 101, 106, 255])
def test_headers_are_read_by_tarfile(length: int, tmp_path: Path) -> None:
    name = f"wheels/{'n' * 255}"[:length]
    (tmp_path / "x.tar").write_bytes(tar.header(name, 3) + b"abc" + tar.padding(3) + tar.END)
    with tarfile.open(tmp_path / "x.tar") as opened:
        [member] = opened.getmembers()
        content = opened.extractfile(member)
        assert content is not None and content.read() == b"abc"
    assert (member.name, member.isreg(), member.mtime, member.uid) == (name, True, 0, 0)
    if tool := shutil.which("tar"):
        assert subprocess.check_output([tool, "-tf", tmp_path / "x.tar"], text=True) == f"{name}\n"
    assert (tmp_path / "x.tar").stat().st_size == tar.length({name: 3})


def test_the_largest_size() -> None:
    assert tarfile.TarInfo.frombuf(tar.header("a", tar.MAX_SIZE), "ascii", "strict").size == tar.MAX_SIZE
    assert tar.size_in(tar.header("a", tar.MAX_SIZE)) == tar.MAX_SIZE
    with pytest.raises(UsageError, match="at most"):
        tar.header("a", tar.MAX_SIZE + 1)
    with pytest.raises(UsageError, match="too long"):
        tar.header("n" * 256, 0)


def test_licences_travel(artifact: Artifact, tmp_path: Path) -> None:
    (artifact.path / "LICENSE").write_text("the text of a licence", "utf-8")
    terms = Licence(id="CC-BY-NC-4.0", commercial=False, note="Not for commercial use.")
    licensed = _remade(artifact, lambda manifest: replace(manifest, licence=terms), artifact.path)
    assert write([licensed], tmp_path / "x.tar").licences == {"nano-reader": terms}
    done = install(tmp_path / "x.tar")
    assert (done.artifacts[0] / "LICENSE").read_text("utf-8") == "the text of a licence"
    with tarfile.open(tmp_path / "x.tar") as opened:
        content = opened.extractfile("README.txt")
        assert content is not None
        text = content.read().decode()
    assert "CC-BY-NC-4.0 Not for commercial use." in text
    assert f"licence text: {PLACE}/LICENSE" in text


def test_a_recipe_the_device_does_not_know(artifact: Artifact, tmp_path: Path, home: Path) -> None:
    recipe = artifact.path / "recipe.toml"
    recipe.write_text(recipe.read_text("utf-8").replace('name = "nano-reader"', 'name = "our-reader"'), "utf-8")
    write([_remade(artifact, lambda manifest: manifest, artifact.path)], tmp_path / "x.tar")
    install(tmp_path / "x.tar")
    assert store.resolve("our-reader").path == home / "artifacts/our-reader/gguf-int8"
    with pytest.raises(UsageError, match="no recipe named 'your-reader'"):
        store.resolve("your-reader")


def test_another_artifact_of_the_same_place(artifact: Artifact, tmp_path: Path, home: Path) -> None:
    write([artifact], tmp_path / "old.tar")
    install(tmp_path / "old.tar")
    write([_remade(artifact, lambda m: replace(m, parameters=2), tmp_path / "newer")], tmp_path / "new.tar")
    with pytest.raises(OutputError, match="exists already.*--overwrite"):
        install(tmp_path / "new.tar")
    assert store.resolve("nano-reader").manifest.parameters == 1000
    assert install(tmp_path / "new.tar", overwrite=True).known == ()
    assert store.resolve("nano-reader").manifest.parameters == 2
    # The same artifact, but damaged: installing again repairs it when told to.
    (home / PLACE / "model.gguf").write_bytes(b"GGUFdamage"[:8])
    with pytest.raises(OutputError, match="--overwrite"):
        install(tmp_path / "new.tar")
    install(tmp_path / "new.tar", overwrite=True)
    store.resolve("nano-reader").check()


def test_places_in_a_store(artifact: Artifact, tmp_path: Path, home: Path) -> None:
    assert store.place_of(artifact) == PLACE
    portable = _remade(artifact, lambda m: replace(m, tools={"optimum": "2.1.0"}), tmp_path / "portable")
    assert store.place_of(portable) == f"{PLACE}-portable"
    stored = home / "artifacts/nano-reader/gguf-mine"
    shutil.copytree(artifact.path, stored)
    assert store.place_of(Artifact.open(stored)) == "artifacts/nano-reader/gguf-mine"


def test_what_is_not_bundled(artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Two of the artifacts are artifacts/nano-reader/gguf-int8"):
        write([artifact, artifact], tmp_path / "x.tar")
    (artifact.path / "aux.txt").write_bytes(b"")
    with pytest.raises(UsageError, match=r"aux.txt' is not a file name on every platform"):
        write([_remade(artifact, lambda m: m, artifact.path)], tmp_path / "x.tar")
    (artifact.path / "model.gguf").write_bytes(b"GGUF\0\0\0\1")
    with pytest.raises(ArtifactError, match="is altered"):
        write([Artifact.open(artifact.path)], tmp_path / "x.tar")
    assert not list(tmp_path.glob("*x.tar*"))


def test_a_full_disk_leaves_the_old_bundle(artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write([artifact], tmp_path / "x.tar")
    before = (tmp_path / "x.tar").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write([artifact], tmp_path / "x.tar")
    with pytest.raises(OutputError, match="No space left.*EDGEDOC_HOME"):
        install(tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_bytes() == before
    assert _files(tmp_path / "home") == []


def test_wheels_lie_beside_the_artifacts(artifact: Artifact, tmp_path: Path, home: Path) -> None:
    wheel = (
        tmp_path
        / "charset_normalizer-3.5.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl"
    )
    wheel.write_bytes(b"PK")
    wheels = Wheels(requirement="edgedoc[gguf]==0.1.0", platforms=("manylinux_2_28_x86_64",), python="3.11")
    write([artifact], tmp_path / "x.tar", wheels=wheels, wheel_files=[wheel])
    done = install(tmp_path / "x.tar")
    assert done.wheels is not None and done.wheels.parent == home / "wheels"
    assert (done.wheels / wheel.name).read_bytes() == b"PK"
    assert install(tmp_path / "x.tar").wheels == done.wheels


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/b.gguf", None),
        ("llama_cpp_python-0.3.36+cpu-py3-none-any.whl", None),
        ("/etc/passwd", "absolute"),
        ("C:/x", "absolute"),
        ("a/../b", "leads out"),
        *(
            (name, "not a file name")
            for name in ("", "a//b", ".hidden", "-rf", "a\\b", "a b", "ä", "con.gguf", "a.", "a\n")
        ),
    ],
)
def test_names(name: str, message: str | None) -> None:
    found = names.problem(name)
    assert found is None if message is None else found is not None and message in found


def test_names_that_clash() -> None:
    assert names.clash(["a/b", "a/c", "ab"]) is None
    assert names.clash(["LICENSE", "license"]) == "'LICENSE' and 'license' are one file where upper and lower case are"
    assert names.clash(["A/b", "a"]) == "'a' is a file, and a folder in 'A/b'"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="There is no bundle at"):
        install(tmp_path / "x.tar")
    with pytest.raises(ArtifactError, match="is not a file"):
        install(tmp_path)


def _edgedoc(arguments: list[str], home: Path, *prefix: str) -> "subprocess.CompletedProcess[str]":
    code = "from edgedoc.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EDGEDOC_HOME": str(home)}
    command = [*prefix, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_commands_need_no_network(artifact_folder: Path, tmp_path: Path) -> None:
    apart = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode != 0:
        pytest.skip("network namespaces are not permitted here")
    made = _edgedoc(["bundle", str(artifact_folder), "-o", str(tmp_path / "x.tar")], tmp_path / "one", *apart)
    assert (made.returncode, made.stdout) == (0, f"{tmp_path / 'x.tar'}\n"), made.stderr
    done = _edgedoc(["install", str(tmp_path / "x.tar"), "--json"], tmp_path / "two", *apart)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["artifacts"] == [{"artifact": str(tmp_path / "two" / PLACE), "known": False}]
    assert "who made the bundle was not checked" in done.stderr
    assert (tmp_path / "two" / PLACE / "model.gguf").exists()
