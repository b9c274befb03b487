"""The exported file in somebody else's hands: llama-cpp-python's high-level class, which knows nothing of edgedoc."""

import importlib.resources
from pathlib import Path

import pytest

from edgedoc.artifact import Artifact
from edgedoc.documents.clean import clean
from edgedoc.tasks.reader import Fallback, Reader
from edgedoc_export.build import export

PAGE = """<html><body><h1>Opening hours</h1><p>We open at <b>nine</b> and close at six.</p>
<ul><li>one</li><li>two</li></ul></body></html>"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The bundled model at eight bits."""
    return Artifact.open(export("nano-reader", preset="int8", out=tmp_path_factory.mktemp("foreign") / "nano"))


def test_high_level_llama_gives_the_same_text(artifact: Artifact) -> None:
    """Same file, its embedded chat template and stop token, greedy: the text edgedoc gives."""
    llama_cpp = pytest.importorskip("llama_cpp")
    from edgedoc.engines.gguf_header import read_header
    from edgedoc.engines.native import load_library, system_info
    from edgedoc.engines.probe import repacking_is_safe

    if not repacking_is_safe(system_info(load_library()), artifact.model_path, read_header(artifact.model_path)):
        pytest.skip("this build of llama.cpp crashes in its AMX kernels; only edgedoc's engine works around that")
    with Reader.open(artifact.path, fallback=Fallback.NONE, threads=1) as reader:
        ours = reader.convert(PAGE).markdown.strip()
    model = llama_cpp.Llama(str(artifact.model_path), n_ctx=1024, n_threads=1, verbose=False)
    answer = model.create_chat_completion(
        messages=[{"role": "user", "content": clean(PAGE).html}], temperature=0.0, repeat_penalty=1.0, max_tokens=512
    )
    model.close()
    assert ours
    assert answer["choices"][0]["message"]["content"].strip().startswith(ours[:200])


def test_gguf_carries_recipe_and_source(artifact: Artifact) -> None:
    """What a foreign runtime or a curious user can read from the file alone."""
    gguf = pytest.importorskip("gguf")
    fields = gguf.GGUFReader(artifact.model_path).fields

    def value(name: str) -> object:
        return fields[name].contents()

    assert value("general.architecture") == "qwen2"
    assert value("general.license") == "Apache-2.0"
    assert "<|im_start|>" in str(value("tokenizer.chat_template"))
    assert value("general.sampling.temp") == 0.0
    assert value("tokenizer.ggml.add_bos_token") is False


def test_bundled_samples_are_ours() -> None:
    """Three pages, each small enough for a demo and none without its planted markers."""
    folder = Path(str(importlib.resources.files("edgedoc_models") / "samples"))
    expected = {"article.html": "Skarholm", "documentation.html": "tidelog", "chinese.html": "茶馆"}
    assert {page.name for page in folder.glob("*.html")} == set(expected)
    for name, marker in expected.items():
        assert marker in clean((folder / name).read_text(encoding="utf-8")).html
