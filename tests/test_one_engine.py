"""A machine with one engine only, whichever it is: the whole way from a model's name to checked Markdown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = {"gguf": ("llama_cpp", "gguf"), "onnx": ("onnxruntime", "onnx")}
PAGE = "<h1>Opening hours</h1><p>We open at <b>nine</b> and close at five.</p>"

RUN = """
import sys
for absent in {absent!r}:
    sys.modules[absent] = None
from edgedoc.cli import main
main()
"""


@pytest.mark.parametrize("format", PACKAGES)
def test_convert_and_verify(tmp_path: Path, format: str) -> None:
    for package in PACKAGES[format]:
        pytest.importorskip(package)
    [absent] = [packages for name, packages in PACKAGES.items() if name != format]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EDGEDOC_HOME": str(tmp_path)}

    def edgedoc(*arguments: str) -> str:
        command = [sys.executable, "-c", RUN.format(absent=absent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, input=PAGE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    markdown = edgedoc("convert", "-", "--threads", "1")
    assert markdown.startswith("# Opening hours") and "**nine**" in markdown
    artifact = tmp_path / "artifacts" / "nano-reader" / f"{format}-int8"
    assert artifact.is_dir()
    assert "passed: at least" in edgedoc("verify", str(artifact), "--against", "nano-reader")
