"""The small files that let foreign runtimes use an ONNX artifact: configurations of model, tokenizer and generation.

Knows no graph and no weights. One folder serves transformers.js (`config.json` with its block, the model under `onnx/`)
and onnxruntime-genai (`genai_config.json` at the root).
"""

import json
from pathlib import Path

from edgedoc.artifact import TOKENIZER
from edgedoc.errors import ArtifactError, CheckpointError
from edgedoc.recipes import Recipe
from edgedoc.tokens import Tokenizer
from edgedoc_export.checkpoint import read_json
from edgedoc_export.onnx_presets import DTYPE_NAMES
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.sources import ExportSource
from edgedoc_export.vocabulary import TURN, template_for, token_text

TOKENIZER_CONFIG = "tokenizer_config.json"


def write_model_files(source: ExportSource, out: Path, model_file: str, context: int, *, external: bool) -> None:
    """config.json, generation_config.json and tokenizer_config.json, from the folders of `source`.

    `context`: tokens the graph is made for; `external`: its weights lie in a file beside it. Raises CheckpointError if
    the tokenizer does not fit the model or the recipe.
    """
    recipe = source.recipe
    config = read_json(source.folder / "config.json")
    places = {Path(model_file).name: external}
    config["transformers.js_config"] = {"dtype": DTYPE_NAMES[model_file], "use_external_data_format": places}
    config["max_position_embeddings"] = context
    _write(out / "config.json", config)
    tokenizer = _tokenizer_config(source.tokenizer, recipe)
    _write(out / TOKENIZER_CONFIG, tokenizer)
    # Greedy with the recipe's penalty: what a checkpoint ships is not trusted (reader-lm's samples at 0.7).
    stop, others = _special_ids(source.tokenizer, recipe, tokenizer, config.get("vocab_size"))
    generation = {"do_sample": False, "eos_token_id": stop, **others}
    penalty = recipe.decoding.repetition_penalty
    _write(out / "generation_config.json", generation | {"repetition_penalty": penalty, "max_length": context})


def write_genai_config(
    source: ExportSource, out: Path, config: Qwen2Config, file: str, context: int, *, portable: bool = False
) -> None:
    """genai_config.json (onnxruntime-genai, src/config.h, python/py/models/builders/base.py).

    `portable`: the graph wants positions and cannot write its cache in place.
    """
    recipe, tokenizer = source.recipe, _tokenizer_config(source.tokenizer, source.recipe)
    stop, others = _special_ids(source.tokenizer, recipe, tokenizer, config.vocab_size)
    names = {part: f"past_key_values.%d.{part.split('_')[1]}" for part in ("past_key", "past_value")}
    presents = {part: f"present.%d.{part.split('_')[1]}" for part in ("present_key", "present_value")}
    decoder = {
        "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
        "filename": file,
        "head_size": config.head_dim,
        "hidden_size": config.hidden_size,
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            **({"position_ids": "position_ids"} if portable else {}),
            **{f"{part}_names": name for part, name in names.items()},
        },
        "outputs": {"logits": "logits", **{f"{part}_names": name for part, name in presents.items()}},
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
    }
    model = {
        "type": "qwen2",
        "vocab_size": config.vocab_size,
        "context_length": context,
        "decoder": decoder,
        # It insists on both; a model that uses none is served by the end token.
        "bos_token_id": others.get("bos_token_id", stop[0]),
        "pad_token_id": others.get("pad_token_id", stop[0]),
        "eos_token_id": stop,
    }
    search = {
        "do_sample": False,
        "top_k": 1,
        "num_beams": 1,
        "max_length": context,
        "min_length": 0,
        "repetition_penalty": recipe.decoding.repetition_penalty,
        "past_present_share_buffer": not portable,
    }
    _write(out / "genai_config.json", {"model": model, "search": search})


def _tokenizer_config(folder: Path, recipe: Recipe) -> dict[str, object]:
    path = folder / TOKENIZER_CONFIG
    config = read_json(path) if path.exists() else {}
    defaults: dict[str, object] = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": recipe.stop[0],
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    template = {"chat_template": template_for(folder, config, recipe)}
    # The model's own stays as it is: it may be a list of several.
    return defaults | template | config if TURN in recipe.prompt else defaults | config | template


def _special_ids(
    folder: Path, recipe: Recipe, config: dict[str, object], vocab_size: object
) -> tuple[list[int], dict[str, int]]:
    """Ids of the recipe's stop tokens, and those of `bos_token_id` and `pad_token_id` that there are."""
    try:
        tokenizer = Tokenizer.from_file(folder / TOKENIZER)
    except ArtifactError as error:
        raise CheckpointError(str(error)) from error
    if isinstance(vocab_size, int) and tokenizer.vocab_size > vocab_size:
        raise CheckpointError(
            f"{folder / TOKENIZER} has ids up to {tokenizer.vocab_size - 1}, but the model has {vocab_size} rows"
        )
    ids = [tokenizer.token_id(token) for token in recipe.stop]
    stop = [number for number in ids if number is not None]
    if len(stop) != len(ids):
        missing = recipe.stop[ids.index(None)]
        raise CheckpointError(f"{folder / TOKENIZER} has no token {missing!r}, at which recipe {recipe.name} stops")
    others = {
        f"{kind}_token_id": tokenizer.token_id(token_text(config.get(f"{kind}_token"))) for kind in ("bos", "pad")
    }
    return stop, {key: number for key, number in others.items() if number is not None}


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
