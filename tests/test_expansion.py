"""What a suite becomes: which cells, who is compared with whom, and what makes a cell another one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edgedoc.artifact import Artifact
from edgedoc.manifest import Format
from edgedoc.recipes import Method, Task, load_recipe
from edgedoc_bench import suite
from edgedoc_bench.cells import Cell, Given, Measure
from edgedoc_bench.corpus import Sample
from edgedoc_bench.document_sets import Set
from edgedoc_bench.expansion import Expansion
from edgedoc_bench.orders import timeout_of

TEXT = """
name = "mine"
rounds = 2
[[models]]
model = "nano-reader"
[[models]]
model = "nano-chunker-simple"
[[tasks]]
task = "reader"
baselines = ["rules"]
peers = ["llama-cpp-python", "transformers-fp32", "openvino-genai"]
[[tasks]]
task = "chunker"
[settings]
threads = [1, 2]
drafts = [true, false]
methods = ["generate", "score"]
"""
DIGESTS: Mapping[tuple[str, Task], str] = {("samples", Task.READER): "1", ("samples", Task.CHUNKER): "2"}


@pytest.fixture
def given(artifact_folder: Path) -> list[Given]:
    """A reader in f32 and int8 and a chunker in int8, none of which is ever opened."""
    made = Artifact.open(artifact_folder)

    def one(model: str, preset: str, reference: str | None) -> Given:
        manifest = replace(made.manifest, preset=preset, format=Format.GGUF)
        artifact = replace(made, manifest=manifest, recipe=load_recipe(model))
        label = f"{model} gguf {preset}"
        return Given(label=label, model=model, artifact=artifact, sha256=label, reference=reference)

    return [
        one("nano-reader", "f32", None),
        one("nano-reader", "int8", "nano-reader gguf f32"),
        one("nano-chunker-simple", "int8", "nano-chunker-simple gguf f32"),
    ]


def _cells(given: list[Given], text: str = TEXT, versions: str = "1", digests: object = DIGESTS) -> list[Cell]:
    assert isinstance(digests, Mapping)
    return Expansion(suite.parse(text, "mine.toml"), given, digests, {"edgedoc": versions}).cells()


def test_every_combination_is_a_cell(given: list[Given]) -> None:
    names = [cell.name for cell in _cells(given) if cell.measure is Measure.DOCUMENTS]
    reader = [f"nano-reader gguf {preset}, {rest}" for preset in ("f32", "int8") for rest in SETTINGS]
    assert names == [
        "rules",
        *reader,
        *("llama-cpp-python: nano-reader gguf f32, 1 thread", "llama-cpp-python: nano-reader gguf int8, 1 thread"),
        *("llama-cpp-python: nano-reader gguf f32, 2 threads", "llama-cpp-python: nano-reader gguf int8, 2 threads"),
        *("transformers-fp32: nano-reader, 1 thread", "transformers-fp32: nano-reader, 2 threads"),
        *("openvino-genai: nano-reader gguf int8, 1 thread", "openvino-genai: nano-reader gguf int8, 2 threads"),
        *(f"nano-chunker-simple gguf int8, {rest}" for rest in CHUNKER_SETTINGS),
    ]


SETTINGS = ("1 thread", "1 thread, no drafts", "2 threads", "2 threads, no drafts")
CHUNKER_SETTINGS = (
    *("1 thread", "1 thread, score", "1 thread, no drafts"),
    *("2 threads", "2 threads, score", "2 threads, no drafts"),
)


def test_a_chunker_is_asked_its_own_way_where_none_is_named(given: list[Given]) -> None:
    *readers, chunker = given
    chunking = chunker.artifact.recipe.chunking
    assert chunking is not None
    for method in Method:
        recipe = replace(chunker.artifact.recipe, chunking=replace(chunking, method=method))
        asking = replace(chunker, artifact=replace(chunker.artifact, recipe=recipe))
        cells = _cells([*readers, asking], TEXT.replace('methods = ["generate", "score"]\n', ""))
        asked = {cell.setting.method for cell in cells if cell.subject.name == chunker.label}
        assert asked - {None} == {method}


def test_a_precision_is_compared_with_full_precision_at_the_same_setting(given: list[Given]) -> None:
    cells = {cell.id: cell for cell in _cells(given)}
    compared = [cell for cell in cells.values() if cell.reference is not None]
    assert len(compared) == len(SETTINGS)
    for cell in compared:
        reference = cells[cell.reference or ""]
        assert cell.subject.name == "nano-reader gguf int8" and reference.subject.name == "nano-reader gguf f32"
        assert cell.setting == reference.setting
    # The chunker's reference could not be made.
    [fidelity] = [cell for cell in cells.values() if cell.measure is Measure.FIDELITY]
    assert fidelity.subject.name == "nano-reader gguf int8"


def test_metrics_nobody_wants_are_no_cells(given: list[Given]) -> None:
    cells = _cells(given, 'metrics = ["speed"]' + TEXT)
    assert {cell.measure for cell in cells} == {Measure.DOCUMENTS}


def test_a_context_sweep_can_be_of_some_models_only(given: list[Given]) -> None:
    cells = _cells(given, TEXT + '[context]\nmodels = ["nano-reader"]\n')
    swept = [cell.subject.name for cell in cells if cell.measure is Measure.CONTEXT]
    assert len(swept) == 4 and all("reader" in name for name in swept)


def test_a_cell_is_another_one_when_what_its_figures_depend_on_is(given: list[Given]) -> None:
    before = _cells(given)
    assert [cell.id for cell in _cells(given)] == [cell.id for cell in before]
    assert len({cell.id for cell in before}) == len(before)
    assert not {cell.id for cell in _cells(given, versions="2")} & {cell.id for cell in before}
    more = {cell.id for cell in _cells(given, TEXT.replace("rounds = 2", "rounds = 3"))}
    same = [cell for cell in before if cell.id in more]
    assert {cell.measure for cell in same} == {Measure.FIDELITY}
    # Another artifact, and other documents of one task.
    changed = [given[0], replace(given[1], sha256="other"), given[2]]
    moved = {cell.subject.name for cell in before} - {
        cell.subject.name for cell in before if cell.id in {one.id for one in _cells(changed)}
    }
    assert moved == {
        "nano-reader gguf int8",
        "llama-cpp-python: nano-reader gguf int8",
        "openvino-genai: nano-reader gguf int8",
    }
    other = {cell.id for cell in _cells(given, digests={**DIGESTS, ("samples", Task.READER): "3"})}
    kept = [cell for cell in before if cell.id in other and cell.measure is Measure.DOCUMENTS]
    assert kept and {cell.task for cell in kept} == {Task.CHUNKER}


def test_only_an_engine_that_batches_has_documents_in_flight(given: list[Given]) -> None:
    text = TEXT.replace("drafts = [true, false]", "in_flight = [1, 4]")
    flying = [cell for cell in _cells(given, text) if cell.setting.in_flight == 4]
    assert len(flying) == 4 and flying[0].name.endswith(", 4 in flight")
    manifest = replace(given[0].artifact.manifest, format=Format.ONNX)
    onnx = replace(given[0], artifact=replace(given[0].artifact, manifest=manifest))
    assert not [cell for cell in _cells([onnx], text) if cell.setting.in_flight == 4]


def test_a_peer_of_another_environment_is_another_cell(given: list[Given]) -> None:
    def ids(text: str) -> dict[str, str]:
        return {cell.name: cell.id for cell in _cells(given, text)}

    before, after = ids(TEXT), ids(f'{TEXT}[pythons]\nllama-cpp-python = "elsewhere/python"\n')
    changed = {name for name in before if before[name] != after[name]}
    assert changed and all(name.startswith("llama-cpp-python: ") for name in changed)


def test_a_comparison_may_take_the_time_of_all_documents(given: list[Given]) -> None:
    found = suite.parse(TEXT, "mine.toml")
    sample = Sample(id="a", kind="page", source="x")
    sets = {
        (name, task): Set(name=name, task=task, samples=(sample,) * 3, path=Path(), sha256="") for name, task in DIGESTS
    }
    seconds = {cell.measure: timeout_of(cell, found, sets) / found.timeout for cell in _cells(given)}
    assert seconds == {Measure.DOCUMENTS: 1, Measure.CONTEXT: len(found.context.depths), Measure.FIDELITY: 3}
