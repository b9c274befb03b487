"""edgedoc.bundles.wheels: what a device needs is collected by pip, offline here, and installed from the bundle."""

import zipfile
from pathlib import Path

import pytest

from edgedoc import __version__
from edgedoc.bundles.wheels import download, install, platform_tags, requirement
from edgedoc.errors import MissingError, OutputError, UsageError
from edgedoc.manifest import Format

pytest.importorskip("pip")
WANTED = f"edgedoc[gguf]=={__version__}"
LINUX = "manylinux_2_28_x86_64"


@pytest.fixture(autouse=True)
def _no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """A folder of wheels: edgedoc, what it needs, and its engine for one platform only."""
    folder = tmp_path / "links"
    folder.mkdir()
    engine = ('Requires-Dist: llama-cpp-python>=0.3; extra == "gguf"', "Provides-Extra: gguf", "Requires-Dist: numpy")
    _wheel(folder, "edgedoc", __version__, "py3-none-any", *engine)
    _wheel(folder, "numpy", "2.0", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")
    _wheel(folder, "numpy", "2.0", "cp311-cp311-manylinux_2_27_aarch64")
    _wheel(folder, "llama_cpp_python", "0.3.36", "py3-none-linux_x86_64")
    return folder


def _wheel(folder: Path, name: str, version: str, tag: str, *headers: str) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        metadata = ["Metadata-Version: 2.1", f"Name: {name.replace('_', '-')}", f"Version: {version}", *headers]
        file.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")


def test_the_extra_follows_the_format() -> None:
    assert requirement([Format.GGUF, Format.GGUF], signed=False) == WANTED
    assert requirement([Format.ONNX, Format.GGUF], signed=True) == f"edgedoc[gguf,onnx,sign]=={__version__}"


def test_older_glibc_runs_on_newer() -> None:
    tags = platform_tags(LINUX)
    assert tags[0] == LINUX and tags[-1] == "linux_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= set(tags)
    assert "manylinux_2_29_x86_64" not in tags
    assert platform_tags("macosx_12_0_arm64") == ["macosx_12_0_arm64"]
    with pytest.raises(UsageError, match="is no platform tag"):
        platform_tags("--index-url=http://evil")


def test_everything_a_device_needs(links: Path, tmp_path: Path) -> None:
    found = download(WANTED, [LINUX], "3.11", [links], tmp_path / "out")
    assert [path.name.split("-")[0] for path in found] == ["edgedoc", "llama_cpp_python", "numpy"]
    assert all("aarch64" not in path.name for path in found)


def test_a_package_without_a_wheel_is_named(links: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MissingError, match="no wheel of llama-cpp-python for manylinux_2_28_aarch64 and Python 3.11"
    ) as told:
        download(WANTED, [LINUX, "manylinux_2_28_aarch64"], "3.11", [links], tmp_path / "out")
    assert "pip wheel --no-deps llama-cpp-python -w WHEELS" in str(told.value)
    with pytest.raises(MissingError, match="no wheel of edgedoc .*pip wheel --no-deps PATH_OF_ITS_CHECKOUT -w WHEELS"):
        download("edgedoc[gguf]==99", [LINUX], "3.11", [links], tmp_path / "out")


def test_installed_without_an_index(links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    _wheel(links, "numpy", "2.0", "py3-none-any")
    _wheel(links, "llama_cpp_python", "0.3.36", "py3-none-any")
    install(links, WANTED)
    assert {"edgedoc.py", "llama_cpp_python.py", "numpy.py"} <= {path.name for path in (tmp_path / "site").iterdir()}
    with pytest.raises(OutputError, match="pip could not install edgedoc"):
        install(links, "edgedoc[gguf]==99")
