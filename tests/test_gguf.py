"""The GGUF writer: same numbers and same ids as the checkpoint, the recipe inside, unknown tokenizers refused."""

import json
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qwen2_reference
from edgedoc.errors import CheckpointError
from edgedoc.recipes import load_recipe
from edgedoc.tokens import Tokenizer
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.gguf import FloatType, write_gguf
from edgedoc_export.tensor_types import read_tensor_table
from edgedoc_export.vocabulary import template_of
from llama_reference import LlamaModel

gguf = pytest.importorskip("gguf")

TEXTS = [
    "Hello world, it's the quick brown fox's 12345 jumps. We'Ve I'LL don't",
    "   leading\t\ttabs \n\n\n and trailing   \r\n  \r\n",
    "你好世界。这是一个测试。한국어 テスト Привет мир",
    "def f(x):\n    return x ** 2  # comment\n\n\n\tif True: pass",
    "<|im_end|><|im_start|>system\n<|endoftext|>",
    "<table><tr><td>1</td><td>½ ٣ Ⅷ ²</td></tr></table>",
    "🚀🦙 👩‍👩‍👧‍👦 \u200d\ufeff\u00a0\u3000\u2028|",
    "é e\u0301".replace("e\u0301", "é") + " ﬁ \x00 \x1f \x7f",
    "=====-----.....!!!!!????? '''''' ```` \"\"\"\"",
    "",
    " ",
    "a" * 300,
]


def test_every_text_becomes_the_same_ids_in_both_tokenizers(written: Path, checkpoint_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(checkpoint_folder / "tokenizer.json")
    with LlamaModel(written, vocabulary_only=True) as model:
        for text in TEXTS:
            assert model.tokenize(text) == tokenizer.encode_text(text), repr(text)
        assert model.tokenize("x<|im_end|>", special=True) == tokenizer.encode_template("x<|im_end|>")


def test_random_unicode_becomes_the_same_ids(written: Path, checkpoint_folder: Path) -> None:
    """In NFC, which Qwen2's tokenizer applies and llama.cpp does not."""
    tokenizer = Tokenizer.from_file(checkpoint_folder / "tokenizer.json")
    generator = random.Random(0)
    assigned = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")]
    splitters = "'sStTrReEvVmMlLdDſ 1²½\n\r\t\x0b\x85\xa0aé-_.<|>"
    with LlamaModel(written, vocabulary_only=True) as model:
        for _ in range(3000):
            alphabet = assigned if generator.random() < 0.3 else splitters
            text = unicodedata.normalize("NFC", "".join(generator.choices(alphabet, k=generator.randint(1, 12))))
            assert model.tokenize(text) == tokenizer.encode_text(text), ascii(text)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_logits_are_those_of_the_checkpoint(checkpoint_folder: Path, tmp_path: Path, dtype: FloatType) -> None:
    """bf16 is exact too here, for the checkpoint is bf16; llama.cpp then rounds activations, hence the looser bound."""
    path = write(checkpoint_folder, tmp_path / "model.gguf", dtype)
    tokens = np.random.default_rng(0).integers(0, 512, 256).tolist()
    expected = qwen2_reference.forward(checkpoint_folder, tokens)
    with LlamaModel(path) as model:
        found = model.logits(tokens)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error <= (1e-3 if dtype == "f32" else 5e-2)
    if dtype == "f32":
        assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.999


def test_logits_are_those_of_transformers(checkpoint_folder: Path, written: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokens = np.random.default_rng(0).integers(0, 512, 256).tolist()
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint_folder, dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    with LlamaModel(written) as llama:
        found = llama.logits(tokens)
    assert np.abs(found - expected).max() / np.abs(expected).max() <= 1e-3
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.999


def test_matrices_take_the_type_and_vectors_stay_f32(checkpoint_folder: Path, tmp_path: Path) -> None:
    table = read_tensor_table(write(checkpoint_folder, tmp_path / "model.gguf", "f16"))
    assert {kind for kind, shape in table.values() if len(shape) == 1} == {"F32"}
    assert {kind for kind, shape in table.values() if len(shape) == 2} == {"F16"}
    assert "output.weight" not in table
    assert table["blk.1.ffn_down.weight"] == ("F16", (512, 256))


def test_written_values_are_exact(checkpoint_folder: Path, written: Path) -> None:
    expected = qwen2_reference.load(checkpoint_folder / "model.safetensors")
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(written).tensors}
    assert np.array_equal(tensors["token_embd.weight"], expected["model.embed_tokens.weight"])
    assert np.array_equal(tensors["blk.1.attn_k.bias"], expected["model.layers.1.self_attn.k_proj.bias"])
    assert np.array_equal(tensors["blk.0.ffn_down.weight"], expected["model.layers.0.mlp.down_proj.weight"])


def test_metadata_carries_identity_sizes_and_decoding(written: Path) -> None:
    fields = {name: field.contents() for name, field in gguf.GGUFReader(written).fields.items()}
    recipe = load_recipe("nano-reader")
    expected = {
        "general.architecture": "qwen2",
        "general.basename": "nano-reader",
        "general.version": "v1.0",
        "general.license": "Apache-2.0",
        "general.languages": ["en", "zh"],
        "general.sampling.temp": 0.0,
        "general.sampling.top_k": 1,
        "general.sampling.penalty_repeat": recipe.decoding.repetition_penalty,
        "general.sampling.penalty_last_n": -1,
        "qwen2.block_count": 2,
        "qwen2.context_length": 1024,
        "qwen2.attention.head_count_kv": 2,
        "qwen2.rope.freq_base": 2e6,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.add_bos_token": False,
    }
    assert {key: fields[key] for key in expected} == expected
    assert fields["qwen2.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-6)
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    assert len(tokens) == len(kinds) == 512
    assert tokens[fields["tokenizer.ggml.eos_token_id"]] == "<|im_end|>"
    assert kinds[tokens.index("<|im_end|>")] == gguf.TokenType.CONTROL
    assert (tokens[511], kinds[511]) == ("[PAD511]", gguf.TokenType.UNUSED)


def test_source_and_base_travel_with_a_hub_recipe(checkpoint_folder: Path, tmp_path: Path) -> None:
    path = write(checkpoint_folder, tmp_path / "model.gguf", "f16", recipe="reader-lm-0.5b")
    fields = {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}
    assert fields["general.license"] == "CC-BY-NC-4.0"
    assert fields["general.source.repo_url"] == "https://huggingface.co/jinaai/reader-lm-0.5b"
    assert fields["general.base_model.0.organization"] == "jinaai"
    assert fields["general.sampling.penalty_repeat"] == pytest.approx(1.08)


@pytest.mark.parametrize("place", ["file", "configuration", "list", "nowhere"])
def test_chat_template_is_the_checkpoints_or_the_recipes(checkpoint_folder: Path, tmp_path: Path, place: str) -> None:
    template = "{{ messages[0]['content'] }}"
    configuration = {
        "configuration": {"chat_template": template},
        "list": {"chat_template": [{"name": "tool", "template": "no"}, {"name": "default", "template": template}]},
    }
    if place == "file":
        (checkpoint_folder / "chat_template.jinja").write_text(template)
    (checkpoint_folder / "tokenizer_config.json").write_text(json.dumps(configuration.get(place, {})))
    path = write(checkpoint_folder, tmp_path / "model.gguf", "f16")
    found = gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents()
    assert found == (template_of(load_recipe("nano-reader")) if place == "nowhere" else template)


def test_the_recipes_own_template_gives_its_exact_prompt() -> None:
    jinja2 = pytest.importorskip("jinja2")
    recipe = load_recipe("text-seg-lm-topic")
    rendered = jinja2.Template(template_of(recipe)).render(
        messages=[{"role": "user", "content": 'a "quoted" {{ text }}'}]
    )
    assert rendered == recipe.prompt.replace("{document}", 'a "quoted" {{ text }}')


def test_values_beyond_f16_are_refused(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 0x4780 is 65536 in bfloat16.
    monkeypatch.setattr(Checkpoint, "slabs", lambda self, name: iter([np.full(self.shape(name), 0x4780, np.uint16)]))
    with pytest.raises(CheckpointError, match="beyond 65504"):
        write(checkpoint_folder, tmp_path / "model.gguf", "f16")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.update(pre_tokenizer={"type": "Whitespace"}), "unknown pre-tokenizer {'type': 'Whitespace'}"),
        (lambda t: t["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"\w+|\W+"), "unknown pre-tokenizer"),
        (lambda t: t["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True), "unknown pre-tokenizer"),
        (lambda t: t.update(normalizer={"type": "Lowercase"}), "unknown normalizer {'type': 'Lowercase'}"),
        (lambda t: t["model"].update(type="Unigram"), "'Unigram'"),
        (lambda t: t["model"].update(ignore_merges=True), "ignore_merges"),
        (lambda t: t["model"].update(byte_fallback=True), "byte_fallback"),
        (lambda t: t["model"]["vocab"].pop("Ġ"), "byte tokens are missing"),
        (lambda t: t["model"]["merges"].append(["nope", "nope"]), "not in the vocabulary"),
        (lambda t: t["model"]["vocab"].update({"extra": 512}), "the model has 512 rows"),
        (lambda t: t["model"]["vocab"].update({"[PAD511]": 510}), "under two ids"),
        (lambda t: t.update(added_tokens=[]), "no token '<|im_end|>'"),
        (lambda t: t.update(added_tokens=[{"id": "x"}]), "no id or no content"),
    ],
)
def test_tokenizers_that_llama_cpp_would_read_differently(
    checkpoint_folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    path = checkpoint_folder / "tokenizer.json"
    tables = json.loads(path.read_text())
    change(tables)
    path.write_text(json.dumps(tables))
    with pytest.raises(CheckpointError) as caught:
        write(checkpoint_folder, tmp_path / "model.gguf", "f16")
    assert expected in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 50_000, "{}"])
def test_a_tokenizer_that_is_none(checkpoint_folder: Path, tmp_path: Path, text: str) -> None:
    (checkpoint_folder / "tokenizer.json").write_text(text)
    with pytest.raises(CheckpointError, match="tokenizer.json"):
        write(checkpoint_folder, tmp_path / "model.gguf", "f16")


def test_qwen2s_nfc_and_text_merges_are_known(checkpoint_folder: Path, tmp_path: Path) -> None:
    path = checkpoint_folder / "tokenizer.json"
    tables = json.loads(path.read_text())
    tables["normalizer"] = {"type": "NFC"}
    tables["model"]["merges"] = [" ".join(pair) for pair in tables["model"]["merges"]]
    path.write_text(json.dumps(tables))
    out = write(checkpoint_folder, tmp_path / "model.gguf", "f16")
    assert gguf.GGUFReader(out).fields["tokenizer.ggml.pre"].contents() == "qwen2"


@pytest.fixture
def written(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint as an f32 GGUF."""
    return write(checkpoint_folder, tmp_path / "written.gguf", "f32")


def write(folder: Path, out: Path, dtype: FloatType, recipe: str = "nano-reader") -> Path:
    write_gguf(Checkpoint.open(folder), folder, load_recipe(recipe), out, dtype)
    return out
