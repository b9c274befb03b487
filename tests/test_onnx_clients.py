"""Exported ONNX folders in other people's runtimes, as they are: same page, same text as edgedoc, and no options given.

onnxruntime-genai and optimum run where their packages are installed. transformers.js runs where EDGEDOC_NODE_MODULES
names a node_modules folder that has it: npm install --ignore-scripts --prefix FOLDER @huggingface/transformers
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.documents.clean import clean
from edgedoc.tasks.reader import Fallback, Reader

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from edgedoc_export.build import export

MODULES = os.environ.get("EDGEDOC_NODE_MODULES")
SCRIPT = Path(__file__).parent / "clients" / "generate.mjs"
PAGE = """<html><body><h1>Opening hours</h1><p>We open at <b>nine</b> and close at six.</p>
<p>Fees are listed <a href="/fees">here</a>.</p></body></html>"""
MESSAGES = [{"role": "user", "content": clean(PAGE).html}]
MAX_TOKENS = 200
PRESETS = {"edge": ("f32", "f16", "int8", "int4"), "portable": ("f32", "int8", "int4")}

all_artifacts = pytest.mark.parametrize(
    ("graph", "preset"), [(graph, preset) for graph, presets in PRESETS.items() for preset in presets]
)


class Folders:
    """Folders of the bundled model, each exported when it is first asked for, with the text edgedoc gets from it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[Path, str] = {}

    def path(self, graph: str, preset: str) -> Path:
        """The folder; skips the test where optimum is missing and wanted."""
        if graph == "portable":
            for name in ("torch", "onnx_ir", "optimum.exporters.onnx"):
                pytest.importorskip(name)
        folder = self._root / f"{graph}-{preset}"
        if not folder.exists():
            export("nano-reader", format="onnx", graph=graph, preset=preset, out=folder)
        return folder

    def text(self, folder: Path) -> str:
        """What edgedoc makes of PAGE."""
        if folder not in self._texts:
            with Reader.open(folder, fallback=Fallback.NONE, threads=1) as reader:
                conversion = reader.convert(PAGE)
            assert conversion.flagged == 0 and len(conversion.windows) == 1
            self._texts[folder] = conversion.markdown.strip()
        return self._texts[folder]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("clients"))


@all_artifacts
def test_genai_gives_the_same_text(folders: Folders, graph: str, preset: str) -> None:
    og = pytest.importorskip("onnxruntime_genai")
    folder = folders.path(graph, preset)
    config = og.Config(str(folder))
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": 1}}}}))
    model = og.Model(config)
    tokenizer = og.Tokenizer(model)
    prompt = tokenizer.encode(tokenizer.apply_chat_template(json.dumps(MESSAGES), add_generation_prompt=True))
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=len(prompt) + MAX_TOKENS)
    generator = og.Generator(model, parameters)
    generator.append_tokens(prompt)
    while not generator.is_done():
        generator.generate_next_token()
    answer = [int(token) for token in generator.get_sequence(0)[len(prompt) :]]
    assert tokenizer.decode(answer).strip() == folders.text(folder)


@all_artifacts
@pytest.mark.parametrize("io_binding", [False, True])
def test_optimum_gives_the_same_text(folders: Folders, graph: str, preset: str, io_binding: bool) -> None:
    for name in ("torch", "optimum.onnxruntime"):
        pytest.importorskip(name)
    import onnxruntime
    from optimum.onnxruntime import ORTModelForCausalLM
    from transformers import AutoTokenizer

    folder = folders.path(graph, preset)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = ORTModelForCausalLM.from_pretrained(
        folder,
        subfolder="onnx",
        file_name=Artifact.open(folder).model_path.name,
        use_io_binding=io_binding,
        session_options=options,
        local_files_only=True,
    )
    prompt = tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with one_torch_thread():
        ids = model.generate(**prompt, max_new_tokens=MAX_TOKENS)
    answer = ids[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(answer, skip_special_tokens=True).strip() == folders.text(folder)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch only picks tokens here; its threads would wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("graph", PRESETS)
def test_transformers_js_gives_the_same_text(folders: Folders, graph: str, tmp_path: Path) -> None:
    """One process for all presets; which file to load and whether it has a data file, config.json says."""
    if MODULES is None:
        pytest.skip("EDGEDOC_NODE_MODULES names no node_modules folder with @huggingface/transformers")
    node = shutil.which("node")
    assert node is not None, "EDGEDOC_NODE_MODULES is set, but there is no node"
    wanted = [folders.path(graph, preset) for preset in PRESETS[graph]]
    message = tmp_path / "message.html"
    message.write_text(MESSAGES[0]["content"], "utf-8")
    arguments = [node, str(SCRIPT), MODULES, str(message), str(MAX_TOKENS), *map(str, wanted)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert {folder: text.strip() for folder, text in texts.items()} == {
        str(folder): folders.text(folder) for folder in wanted
    }


def test_the_text_is_worth_comparing(folders: Folders) -> None:
    """Equal texts prove nothing if they are empty: the model reads the page."""
    text = folders.text(folders.path("edge", "f32"))
    assert text.startswith("# Opening hours\n\nWe open at **nine**") and text.endswith("[here](/fees).")
