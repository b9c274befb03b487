"""The order of imports, what may never be imported, and the shape of every file."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for root in ("toolkit", "export", "bench", "models") for path in (ROOT / root).rglob("*.py"))
TOOLKIT = sorted((ROOT / "toolkit" / "edgedoc").rglob("*.py"))
# Each line may import the lines above it; the units of one line may not import each other.
LAYERS = (
    ("errors",),
    ("schema", "files", "console"),
    ("recipes",),
    ("manifest", "tokens", "hub"),
    ("artifact",),
    ("store", "staging"),
    ("catalogue",),
    ("engines", "documents"),
    ("decoding",),
    ("tasks",),
    ("fastest",),
    ("doctor",),
    ("batch", "bundles", "sharing"),
    ("cli",),
    ("__main__",),
)
RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}
HEAVY = {
    *("edgedoc_bench", "edgedoc_export", "gguf", "html_to_markdown", "huggingface_hub", "llama_cpp", "numpy"),
    *("onnxruntime", "tokenizers", "torch", "transformers"),
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names a file imports; `from a import b` gives a.b, which is a module or a name in one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def _top_level(tree: ast.Module) -> ast.Module:
    """The file without the bodies of its functions: what runs when it is imported."""

    class _Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

    stripped: ast.Module = _Strip().visit(tree)
    return stripped


# The package's own __init__ is the public face: it points into every layer, lazily.
@pytest.mark.parametrize(
    "path", [path for path in TOOLKIT if path.parent.name != "edgedoc" or path.stem != "__init__"], ids=_name
)
def test_toolkit_imports_point_downwards(path: Path) -> None:
    unit = path.relative_to(ROOT / "toolkit" / "edgedoc").parts[0].removesuffix(".py")
    assert unit in RANK, f"give {unit!r} a place in LAYERS"
    for name in _imports(_parse(path)):
        parts = name.split(".")
        if parts[0] != "edgedoc" or name == "edgedoc.__version__":
            continue
        assert parts[1] in RANK, f"{name} is taken from the public face; import it from its module"
        assert parts[1] == unit or RANK[parts[1]] < RANK[unit], f"{unit} may not import {parts[1]}"


@pytest.mark.parametrize("path", TOOLKIT, ids=_name)
def test_toolkit_needs_no_torch_and_no_workstation(path: Path) -> None:
    found = {name.split(".")[0] for name in _imports(_parse(path))}
    assert not found & {"torch", "transformers", "optimum", "edgedoc_models"}
    if path.parent.name != "cli":
        assert not found & {"edgedoc_export", "edgedoc_bench"}


@pytest.mark.parametrize("path", [path for path in TOOLKIT if path.parent.name == "cli"], ids=_name)
def test_the_command_line_imports_the_workstation_inside_commands_only(path: Path) -> None:
    found = {name.split(".")[0] for name in _imports(_top_level(_parse(path)))}
    assert not found & HEAVY


def test_export_does_not_know_the_bench() -> None:
    for path in (ROOT / "export").rglob("*.py"):
        assert not any(name.startswith("edgedoc_bench") for name in _imports(_parse(path))), path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["convert", "--help"], ["export", "--help"]])
def test_help_loads_no_engine(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom edgedoc.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
        f"print('LOADED', *sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1].split()[1:] == []


def test_importing_edgedoc_imports_nothing_else() -> None:
    code = "import sys, edgedoc; print(*(n for n in sys.modules if n.startswith('edgedoc.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=True)
    assert done.stdout.split() == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.parametrize("path", SOURCES + sorted((ROOT / "tests").glob("*.py")), ids=_name)
def test_every_file_says_what_it_is_and_stays_small(path: Path) -> None:
    assert ast.get_docstring(_parse(path)), "the file does not open with a docstring"
    lines = path.read_text("utf-8").count("\n")
    assert lines <= 300
