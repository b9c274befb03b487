"""Tokens, merges, special ids and chat template of a checkpoint folder, as GGUF stores them. Knows no weights.

The rules are those of llama.cpp's converter (conversion/base.py, get_vocab_base): ids without a token become
`[PAD<id>]` of type UNUSED, so that the vocabulary has as many entries as the embedding has rows.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from edgedoc.errors import CheckpointError
from edgedoc.recipes import Recipe
from edgedoc_export.checkpoint import read_json
from edgedoc_export.pretokenizer import recognise

LARGEST_TOKENIZER = 32 << 20
"""Bytes; Qwen2's `tokenizer.json` takes 7 MB."""

TURN = "<|im_start|>"
"""Opens a turn in ChatML, the only chat form of Qwen2."""

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""llama.cpp token types (gguf.TokenType)."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The tokenizer keys of a GGUF file. `tokens` and `types` have one entry per id."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    bos: int | None
    eos: int
    pad: int | None
    chat_template: str


def read_vocabulary(folder: Path, vocab_size: int, recipe: Recipe) -> Vocabulary:
    """Read `tokenizer.json` and its companions in `folder`. Raises CheckpointError when they do not fit the model."""
    path = folder / "tokenizer.json"
    data = _read_tokenizer(path)
    pre = recognise(data, str(path))
    model = data["model"]
    assert isinstance(model, dict)  # recognise() saw to it
    ids = _ids(model.get("vocab"), path)
    added = _added_tokens(data.get("added_tokens"), path)
    tokens, types = _fill(ids, added, vocab_size, path)
    by_token = {token: number for number, token in enumerate(tokens)}
    config = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
    missing = [token for token in recipe.stop if token not in by_token]
    if missing:
        raise CheckpointError(f"{path} has no token {missing[0]!r}, at which recipe {recipe.name} stops")
    return Vocabulary(
        pre=pre,
        tokens=tokens,
        types=types,
        merges=_merges(model.get("merges"), ids, path),
        bos=by_token.get(token_text(config.get("bos_token"))),
        eos=by_token[recipe.stop[0]],
        pad=by_token.get(token_text(config.get("pad_token"))),
        chat_template=template_for(folder, config, recipe),
    )


def vocabulary_size(path: Path) -> int:
    """One more than the highest id in a `tokenizer.json`. Raises CheckpointError when it is not readable."""
    data = _read_tokenizer(path)
    model = data.get("model")
    ids = model.get("vocab") if isinstance(model, dict) else None
    numbers = [*(_ids(ids, path).values()), *_added_tokens(data.get("added_tokens"), path)]
    return max(numbers) + 1


def template_for(folder: Path, config: dict[str, object], recipe: Recipe) -> str:
    """The folder's own chat template, or the recipe's prompt where there is none or the model does not speak in turns.

    A chunker over an instruct model has that model's template beside it, and was trained on other prompts.
    """
    own = read_chat_template(folder, config) if TURN in recipe.prompt else ""
    return own or template_of(recipe)


def template_of(recipe: Recipe) -> str:
    """A Jinja chat template that gives the recipe's exact prompt around the last message."""
    before, after = recipe.prompt.split("{document}")
    return f"{{{{ {json.dumps(before)} + messages[-1]['content'] + {json.dumps(after)} }}}}"


def _read_tokenizer(path: Path) -> dict[str, object]:
    if not path.exists():
        raise CheckpointError(f"{path} is missing; a checkpoint without its fast tokenizer cannot be exported")
    try:
        if path.stat().st_size > LARGEST_TOKENIZER:
            raise CheckpointError(f"{path} is larger than {LARGEST_TOKENIZER} bytes")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return data


def _ids(vocab: object, path: Path) -> dict[str, int]:
    if not isinstance(vocab, dict) or not all(isinstance(number, int) for number in vocab.values()):
        raise CheckpointError(f"{path}: its vocabulary is not a map of tokens to ids")
    # llama.cpp looks every byte up by its symbol and throws inside tokenize() when one has no token.
    lacking = [symbol for symbol in byte_symbols() if symbol not in vocab]
    if lacking:
        raise CheckpointError(f"{path}: {len(lacking)} of the 256 byte tokens are missing, for one {lacking[0]!r}")
    return vocab


def _added_tokens(value: object, path: Path) -> dict[int, tuple[str, int]]:
    added: dict[int, tuple[str, int]] = {}
    for item in value if isinstance(value, list) else []:
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("id"), int)
            or not isinstance(item.get("content"), str)
        ):
            raise CheckpointError(f"{path}: an added token has no id or no content")
        content = item["content"]
        # As llama.cpp's converter: <|...|> is a control token even when its author forgot to mark it special.
        control = bool(item.get("special")) or (content.startswith("<|") and content.endswith("|>"))
        added[item["id"]] = (content, CONTROL if control else USER_DEFINED)
    return added


def _fill(
    ids: dict[str, int], added: dict[int, tuple[str, int]], vocab_size: int, path: Path
) -> tuple[list[str], list[int]]:
    tokens = [f"[PAD{number}]" for number in range(vocab_size)]
    types = [UNUSED] * vocab_size
    for number, token, kind in (
        *((number, token, NORMAL) for token, number in ids.items()),
        *((number, token, kind) for number, (token, kind) in added.items()),
    ):
        if not 0 <= number < vocab_size:
            raise CheckpointError(f"{path}: token {token!r} has id {number}, but the model has {vocab_size} rows")
        tokens[number] = token
        types[number] = kind
    if len(set(tokens)) != vocab_size:
        raise CheckpointError(f"{path}: a token occurs under two ids")
    return tokens, types


def _merges(value: object, ids: dict[str, int], path: Path) -> list[str]:
    """Merges as GGUF writes them, "left right"; `tokenizer.json` has that form or, since tokenizers 0.20, pairs."""
    if not isinstance(value, list) or not value:
        raise CheckpointError(f"{path} has no merges")
    merges = []
    for item in value:
        left, _, right = item.partition(" ") if isinstance(item, str) else (item[0], " ", item[1])
        if left not in ids or right not in ids or left + right not in ids:
            raise CheckpointError(f"{path}: merge {item!r} uses tokens that are not in the vocabulary")
        merges.append(f"{left} {right}")
    return merges


def byte_symbols() -> list[str]:
    """The 256 characters that stand for bytes in byte-level BPE, by byte (openai/gpt-2, encoder.py)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def token_text(token: object) -> str:
    """`tokenizer_config.json` writes special tokens as text or as an object with `content`."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else ""


def read_chat_template(folder: Path, config: dict[str, object]) -> str:
    """A file of its own since transformers 4.50; before that a key of the configuration, or a list of them."""
    file = folder / "chat_template.jinja"
    if file.exists() and file.stat().st_size <= LARGEST_TOKENIZER:
        return file.read_text(encoding="utf-8")
    template = config.get("chat_template")
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else ""
