"""Names the pre-tokenizer llama.cpp must use for a `tokenizer.json`, from its rules. Refuses those it does not know.

llama.cpp has the splitting rules compiled in and picks them by name (`tokenizer.ggml.pre`, src/llama-vocab.cpp); a
wrong name gives wrong ids without any error. Its own converter hashes the ids of a test string, which ties a name
to one vocabulary; the rules themselves are compared here, so that any vocabulary over Qwen2's rules is recognised.
"""

from collections.abc import Mapping

from edgedoc.errors import CheckpointError

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen/Qwen2-0.5B `tokenizer.json`; quoted in llama.cpp beside LLAMA_VOCAB_PRE_TYPE_QWEN2."""

_QWEN2_RULES: object = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": QWEN2_SPLIT}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
    ],
}
_NORMALIZERS: tuple[object, ...] = ({"type": "NFC"}, None)
"""llama.cpp normalises nothing: only for text in NFC does its tokenizer give the ids of one that has the NFC step."""

_PLAIN_BPE: Mapping[str, tuple[object, ...]] = {
    "dropout": (None, 0, 0.0),
    "unk_token": (None,),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "fuse_unk": (None, False),
    "byte_fallback": (None, False),
    "ignore_merges": (None, False),
}


def recognise(tokenizer: Mapping[str, object], origin: str) -> str:
    """llama.cpp's name for the rules of a parsed `tokenizer.json`. Raises CheckpointError when it has none."""
    model = tokenizer.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        kind = model.get("type") if isinstance(model, dict) else model
        raise CheckpointError(f"{origin}: its model is {kind!r}; edgedoc exports byte-level BPE tokenizers only")
    for option, plain in _PLAIN_BPE.items():
        if model.get(option) not in plain:
            raise CheckpointError(
                f"{origin}: its BPE model sets {option} to {model[option]!r}, which llama.cpp has not"
            )
    normalizer = tokenizer.get("normalizer")
    if normalizer not in _NORMALIZERS:
        raise CheckpointError(f"{origin}: unknown normalizer {_brief(normalizer)}; known is NFC")
    rules = _without_offset_options(tokenizer.get("pre_tokenizer"))
    if rules != _QWEN2_RULES:
        raise CheckpointError(
            f"{origin}: unknown pre-tokenizer {_brief(rules)}; known is Qwen2's. llama.cpp would split text "
            "differently from the model's training, so it is not exported"
        )
    return "qwen2"


def _without_offset_options(rules: object) -> object:
    """`trim_offsets` changes reported offsets, never ids."""
    if isinstance(rules, dict):
        return {key: _without_offset_options(value) for key, value in rules.items() if key != "trim_offsets"}
    if isinstance(rules, list):
        return [_without_offset_options(item) for item in rules]
    return rules


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."
