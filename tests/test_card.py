"""edgedoc.sharing.card and terms: what a card says, and what no card may say."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import UsageError
from edgedoc.manifest import AdapterEntry, Format, ManifestSource, Origin
from edgedoc.recipes import Licence, load_recipe
from edgedoc.sharing.card import card
from edgedoc.sharing.terms import hub_name, require_licence, require_same

READER = ManifestSource(
    kind=Origin.HUB, id="jinaai/reader-lm-0.5b", revision="46cb69fff9d100f9c3c2a135d59f365fb99a0121"
)


@pytest.fixture
def nano(artifact_folder: Path) -> Artifact:
    return Artifact.open(artifact_folder)


@pytest.fixture
def reader(nano: Artifact) -> Artifact:
    recipe = load_recipe("reader-lm-0.5b")
    return replace(nano, recipe=recipe, manifest=replace(nano.manifest, source=READER, licence=recipe.licence))


def _metadata(text: str) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    found: dict[str, Any] = ModelCard(text).data.to_dict()
    return found


def test_a_card_says_what_it_is_made_from_and_under_which_licence(reader: Artifact) -> None:
    text = card(reader, "me/reader-GGUF")
    assert _metadata(text) == {
        "license": "cc-by-nc-4.0",
        "base_model": "jinaai/reader-lm-0.5b",
        "base_model_relation": "quantized",
        "library_name": "gguf",
        "pipeline_tag": "text-generation",
        "language": ["en", "de", "ja", "zh", "ru"],
        "tags": ["edgedoc", "gguf", "reader", "int8"],
        "inference": False,
    }
    assert "Not for commercial use without an agreement with Jina AI." in text
    assert "hold for this conversion" in text
    assert "edgedoc pull me/reader-GGUF\nedgedoc convert page.html -m reader-lm-0.5b" in text
    assert "llama-server --hf-repo me/reader-GGUF --hf-file model.gguf" in text
    assert reader.recipe.prompt in text
    assert "8.50" in text and "penalty 1.08" in text and READER.revision is not None and READER.revision in text


def test_a_card_of_onnx_and_of_a_chunker(nano: Artifact) -> None:
    recipe = load_recipe("text-seg-lm-topic")
    files = nano.manifest.files | {"genai_config.json": nano.manifest.files["recipe.toml"]}
    manifest = replace(nano.manifest, format=Format.ONNX, licence=recipe.licence, files=files)
    text = card(replace(nano, recipe=recipe, manifest=manifest), "me/seg-ONNX")
    metadata = _metadata(text)
    assert "license" not in metadata
    assert metadata["library_name"] == "transformers.js"
    # The source is a folder here; the recipe says what it is a folder of.
    assert metadata["base_model"] == "jinaai/text-seg-lm-qwen2-0.5b-cot-topic-chunking"
    assert "edgedoc chunk notes.md -m text-seg-lm-topic" in text
    assert "onnxruntime_genai" in text and "pipeline('text-generation', 'me/seg-ONNX')" in text


def test_a_report_is_taken_over_below_its_heading(nano: Artifact) -> None:
    text = card(nano, "me/nano", "# Speed\n\n12 tok/s\n\n```sh\n# no heading\n```\n\n## Memory\n")
    assert text.endswith("## Measured\n\n### Speed\n\n12 tok/s\n\n```sh\n# no heading\n```\n\n#### Memory\n")


def test_a_prompt_with_fences_stays_in_its_own(nano: Artifact) -> None:
    recipe = replace(nano.recipe, prompt="```html\n{document}\n```")
    assert re.search(r"````text\n```html\n\{document\}\n```\n````", card(replace(nano, recipe=recipe), "me/nano"))


@pytest.mark.parametrize(
    ("id", "name"), [("CC-BY-NC-4.0", "cc-by-nc-4.0"), ("Apache-2.0", "apache-2.0"), ("Ours-1", "other"), (None, None)]
)
def test_names_of_licences(id: str | None, name: str | None) -> None:
    assert hub_name(Licence(id=id, note="")) == name


def test_a_licence_the_hub_has_no_name_for(nano: Artifact) -> None:
    licence = Licence(id="Ours-1", link="https://example.org/ours", note="Ours.")
    metadata = _metadata(card(replace(nano, manifest=replace(nano.manifest, licence=licence)), "me/nano"))
    assert (metadata["license"], metadata["license_name"]) == ("other", "ours-1")
    assert metadata["license_link"] == "https://example.org/ours"


def test_no_licence_is_nobodys_to_publish(nano: Artifact) -> None:
    bare = replace(nano, manifest=replace(nano.manifest, licence=Licence(note="The card names none.")))
    with pytest.raises(UsageError, match="states no licence.*The card names none.*--private"):
        require_licence(bare, private=False)
    require_licence(bare, private=True)
    require_licence(nano, private=False)


@pytest.mark.parametrize("private", [False, True])
def test_another_licence_than_the_models(reader: Artifact, private: bool) -> None:
    require_licence(reader, private=private)
    freed = Licence(id="Apache-2.0", commercial=True, note="Free!")
    laundered = replace(reader, manifest=replace(reader.manifest, licence=freed))
    with pytest.raises(UsageError, match="says Apache-2.0, but jinaai/reader-lm-0.5b.*is under CC-BY-NC-4.0"):
        require_licence(laundered, private=private)
    over = replace(READER, id="me/adapter", base="jinaai/reader-lm-0.5b", adapter="LoRA of rank 16")
    merged = replace(laundered, manifest=replace(laundered.manifest, source=over))
    with pytest.raises(UsageError, match="but jinaai/reader-lm-0.5b"):
        require_licence(merged, private=private)
    entry = AdapterEntry(file="a.gguf", recipe="a.toml", source=READER, licence=freed, parameters=1)
    beside = replace(
        reader, manifest=replace(reader.manifest, source=replace(READER, id="me/x"), adapters={"a": entry})
    )
    require_licence(beside, private=private)
    beside = replace(beside, manifest=replace(beside.manifest, licence=freed))
    with pytest.raises(UsageError, match="but jinaai/reader-lm-0.5b"):
        require_licence(beside, private=private)


def test_a_repository_keeps_its_licence(reader: Artifact) -> None:
    require_same(None, reader, "me/reader")
    require_same("cc-by-nc-4.0", reader, "me/reader")
    own = replace(reader, manifest=replace(reader.manifest, licence=Licence(id="Ours-1", note="")))
    require_same("ours-1", own, "me/reader")
    with pytest.raises(UsageError, match="me/reader is under theirs-1, the artifact under ours-1"):
        require_same("theirs-1", own, "me/reader")
    with pytest.raises(UsageError, match="me/reader is under mit, the artifact under cc-by-nc-4.0"):
        require_same("mit", reader, "me/reader")
