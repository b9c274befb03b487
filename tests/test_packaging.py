"""What the wheel would hold, and that the places that state a version or an extra agree."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import edgedoc

ROOT = Path(__file__).parent.parent
ROOTS = ("toolkit", "export", "bench", "models")
PACKAGES = {"edgedoc", "edgedoc_bench", "edgedoc_export", "edgedoc_models"}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def packages(root: Path, include: list[str], namespaces: bool) -> list[str]:
    """What setuptools finds; in a process of its own, because it refuses where distutils was imported before it."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed")
    finder = "find_namespace_packages" if namespaces else "find_packages"
    script = f"import json, setuptools; print(json.dumps(setuptools.{finder}({str(root)!r}, include={include!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_the_wheel_holds_our_packages_and_nothing_else(pyproject: dict[str, Any]) -> None:
    find = pyproject["tool"]["setuptools"]["packages"]["find"]
    assert find["where"] == list(ROOTS)
    found = {name for root in find["where"] for name in packages(ROOT / root, find["include"], find["namespaces"])}
    assert {name.split(".")[0] for name in found} == PACKAGES
    # A folder of modules without __init__.py works from the checkout and is missing from the wheel.
    modules = {
        path.parent.relative_to(ROOT / root) for root in ROOTS for path in (ROOT / root).glob("edgedoc*/**/*.py")
    }
    assert found == {".".join(folder.parts) for folder in modules}


def test_package_data_is_there(pyproject: dict[str, Any]) -> None:
    data = pyproject["tool"]["setuptools"]["package-data"]
    homes = {path.name: path for root in ROOTS for path in (ROOT / root).glob("edgedoc*")}
    for package, patterns in data.items():
        assert "py.typed" in patterns
        assert (homes[package] / "py.typed").exists()
    assert len(list(homes["edgedoc_models"].glob("recipes/*.toml"))) >= 6
    assert {"recipes/*.toml", "checkpoints/**", "samples/**"} <= set(data["edgedoc_models"])


def test_versions_agree(pyproject: dict[str, Any]) -> None:
    version = pyproject["project"]["version"]
    assert edgedoc.__version__ == version
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", version]


def test_heavy_packages_stay_in_their_extra(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {"gguf", "onnx", "export", "optimum", "batch", "bench", "ray", "serve", "sign", "dev"}
    homes = {"torch": "optimum", "transformers": "optimum", "llama-cpp-python": "gguf", "onnxruntime": "onnx"}
    for extra, requirements in {"": project["dependencies"], **extras}.items():
        for requirement in requirements:
            name = re.split(r"[\[<>=~!]", requirement)[0]
            assert homes.get(name, extra) == extra, f"{name} belongs to [{homes.get(name)}]"


def test_messages_name_extras_that_exist(pyproject: dict[str, Any]) -> None:
    extras = set(pyproject["project"]["optional-dependencies"])
    named = set()
    for root in ROOTS:
        for path in (ROOT / root).rglob("*.py"):
            text = path.read_text("utf-8")
            named |= {extra for group in re.findall(r"edgedoc\[([a-z,]+)\]", text) for extra in group.split(",")}
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "MissingPackageError":
                    named |= {
                        a.value for a in node.args[1:] if isinstance(a, ast.Constant) and isinstance(a.value, str)
                    }
    assert named <= extras
    assert "gguf" in named


def test_public_face() -> None:
    assert edgedoc.__all__ == sorted(edgedoc.__all__)
    for name in edgedoc.__all__:
        assert getattr(edgedoc, name).__name__ == name
    assert set(edgedoc.__all__) <= set(dir(edgedoc))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = edgedoc.nothing
