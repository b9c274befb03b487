"""The small files of an ONNX artifact: what foreign runtimes read in it; and the text it gives."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.documents.clean import clean
from edgedoc.errors import CheckpointError
from edgedoc.tokens import Prompt, Tokenizer
from edgedoc_export.build import export

pytest.importorskip("onnx")


def made(checkpoint: Path, **options: Any) -> Artifact:
    return Artifact.open(export(checkpoint, format="onnx", preset="int4", out=checkpoint.parent / "made", **options))


def content(artifact: Artifact, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((artifact.path / name).read_text("utf-8"))
    return found


def test_foreign_runtimes_find_their_files(checkpoint_folder: Path) -> None:
    artifact = made(checkpoint_folder, recipe="reader-lm-0.5b", context=300)
    tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
    stop = [tokenizer.token_id(token) for token in ("<|im_end|>", "<|endoftext|>")]
    config = content(artifact, "config.json")
    assert config["transformers.js_config"] == {
        "dtype": "q4",
        "use_external_data_format": {"model_q4.onnx": True},
    }
    assert config["model_type"] == "qwen2"
    assert config["max_position_embeddings"] == 300
    generation = content(artifact, "generation_config.json")
    assert (generation["do_sample"], generation["repetition_penalty"]) == (False, 1.08)
    assert generation["eos_token_id"] == stop
    genai = content(artifact, "genai_config.json")
    assert genai["model"]["decoder"]["filename"] == "onnx/model_q4.onnx"
    assert (genai["model"]["eos_token_id"], genai["model"]["context_length"]) == (stop, 300)
    assert genai["model"]["decoder"]["inputs"]["past_key_names"] == "past_key_values.%d.key"
    assert (genai["search"]["repetition_penalty"], genai["search"]["max_length"]) == (1.08, 300)
    shipped = content(artifact, "tokenizer_config.json")
    assert shipped["eos_token"] == "<|im_end|>"
    assert "messages[-1]" in shipped["chat_template"]


def test_the_checkpoints_own_tokenizer_configuration_is_kept(checkpoint_folder: Path) -> None:
    own = {"tokenizer_class": "Qwen2TokenizerFast", "pad_token": "<|endoftext|>", "chat_template": "{{ messages }}"}
    (checkpoint_folder / "tokenizer_config.json").write_text(json.dumps(own))
    (checkpoint_folder / "generation_config.json").write_text('{"do_sample": true, "temperature": 0.7}')
    artifact = made(checkpoint_folder)
    assert content(artifact, "tokenizer_config.json").items() >= own.items()
    tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
    generation = content(artifact, "generation_config.json")
    assert generation["pad_token_id"] == tokenizer.token_id("<|endoftext|>")
    assert generation["do_sample"] is False
    assert "temperature" not in generation


def test_a_tokenizer_that_does_not_fit(checkpoint_folder: Path) -> None:
    path = checkpoint_folder / "tokenizer.json"
    tables = json.loads(path.read_text())
    stop = tables["added_tokens"].pop()
    path.write_text(json.dumps(tables))
    with pytest.raises(CheckpointError, match="no token"):
        made(checkpoint_folder)
    surplus = [
        {**stop, "id": stop["id"] + number, "content": f"{stop['content']}{number or ''}"} for number in range(200)
    ]
    path.write_text(json.dumps({**tables, "added_tokens": [*tables["added_tokens"], *surplus]}))
    with pytest.raises(CheckpointError, match="but the model has 512 rows"):
        made(checkpoint_folder)
    path.write_text("{")
    with pytest.raises(CheckpointError, match="is not a tokenizer"):
        made(checkpoint_folder)


def test_nano_reader_in_sixteen_and_eight_bits_says_what_full_precision_says(tmp_path: Path) -> None:
    """A real model and a real prompt, greedy. In four bits a model of 3 million weights keeps the heading."""
    pytest.importorskip("onnxruntime")
    from onnx_runner import EdgeGraph

    answers = {}
    for preset in ("f32", "f16", "int8", "int4"):
        artifact = Artifact.open(export("nano-reader", format="onnx", preset=preset, out=tmp_path / preset))
        tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
        page = clean("<html><body><h1>Quarterly report</h1><p>Sales grew by 12% in spring.</p></body></html>").html
        graph, ids = EdgeGraph(artifact.model_path, capacity=1024), Prompt(artifact.recipe, tokenizer).render(page)
        answers[preset] = greedy(graph, ids, tokenizer)
    assert answers["f32"].startswith("# Quarterly report")
    assert answers["f16"] == answers["int8"] == answers["f32"]
    assert answers["int4"].startswith("# Quarterly report")


def greedy(graph: Any, ids: list[int], tokenizer: Tokenizer) -> str:
    end, answer = tokenizer.token_id("<|im_end|>"), list[int]()
    token = int(graph.step(ids, 1)[0].argmax())
    while token != end and len(answer) < 60:
        answer.append(token)
        token = int(graph.step([token], 1)[0].argmax())
    return tokenizer.decode(answer)
