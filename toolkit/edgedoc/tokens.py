"""Text to token ids and back, with documents kept apart from control tokens. Knows no model and no HTML.

A page may contain `<|im_end|>`. Encoded by the tokenizer as shipped, that text becomes the control id and the page
speaks in the model's turn. `encode_special_tokens=True` of the tokenizers package does not help: it leaves added tokens
marked `special: false` active and is a switch on shared state (huggingface/tokenizers#2225). So document text is
encoded by a second tokenizer that has never heard of added tokens.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from edgedoc.errors import ArtifactError
from edgedoc.recipes import DOCUMENT, Recipe

MAX_FILE_BYTES = 32 * 2**20
MAX_ENTRIES = 400_000
PROBES = ("", "a", "A", "1", " ", "\n", "<", "#", "的")
"""Beginnings of documents: what precedes them, tokenised alike for all, may be computed once."""


class Tokenizer:
    """A tokenizer.json, read twice: as shipped for recipe text, and without added tokens for document text."""

    def __init__(self, shipped: tokenizers.Tokenizer, bare: tokenizers.Tokenizer, added: dict[str, int]) -> None:
        self._shipped = shipped
        self._bare = bare
        self.added = added
        """Added tokens, text to id: everything a document must never become."""

    @classmethod
    def from_file(cls, path: Path) -> "Tokenizer":
        """Read a tokenizer.json. Raises ArtifactError when it is missing, too large, malformed or inconsistent."""
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ArtifactError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB, too large for a tokenizer.")
            tables = json.loads(path.read_bytes())
            added = {str(entry["content"]): int(entry["id"]) for entry in tables.get("added_tokens") or []}
            shipped = json.dumps({**tables, "truncation": None, "padding": None})
            bare = json.dumps(_without_added_tokens(tables, added))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtifactError(f"{path} is not a tokenizer: {error or type(error).__name__}.") from error
        with _tokenizer_errors(f"{path} is not a tokenizer the tokenizers package can load"):
            return cls(tokenizers.Tokenizer.from_str(shipped), tokenizers.Tokenizer.from_str(bare), added)

    @cached_property
    def vocab_size(self) -> int:
        """One more than the highest id, added tokens included. A model's logits may be wider (padding)."""
        return max(self._shipped.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode_text(self, text: str) -> list[int]:
        """Ids of document text: never the id of an added token, whatever the text says.

        Lone surrogates, which no encoding can carry, become U+FFFD. The file's own normaliser (NFC for Qwen2) still
        applies. Raises ArtifactError when the file's splitting rules fail on this text.
        """
        return list(self._encoding(text).ids)

    def starts(self, text: str) -> list[int]:
        """Where in `text` each token of `encode_text` starts, in characters; raises what that raises.

        A surrogate pair, which is one character to the tokenizer, moves what comes after it by one.
        """
        return [start for start, _ in self._encoding(text).offsets]

    def _encoding(self, text: str) -> tokenizers.Encoding:
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        with _tokenizer_errors("The tokenizer failed on this text"):
            return self._bare.encode(text, add_special_tokens=False)

    def encode_template(self, text: str) -> list[int]:
        """Ids of recipe text: control tokens written in it become their ids; nothing is put before or after."""
        with _tokenizer_errors("The tokenizer failed on the recipe's prompt"):
            return list(self._shipped.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids. Control tokens and ids without a token are skipped; incomplete UTF-8 becomes U+FFFD."""
        with _tokenizer_errors("The tokenizer cannot decode these ids"):
            return str(self._shipped.decode(list(ids), skip_special_tokens=True))

    def token_id(self, token: str) -> int | None:
        """The id of one token, control tokens included, or None."""
        found: int | None = self._shipped.token_to_id(token)
        return found

    def count(self, text: str) -> int:
        """Tokens of document text."""
        return len(self.encode_text(text))


class Prompt:
    """A recipe's prompt, bound to a tokenizer.

    Around the document there may be ordinary text ("### Input:"). It is encoded together with the document, as it was
    in training, where a line break after the last sentence joins its full stop in one token; only control tokens cut.
    """

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer) -> None:
        """Raises ArtifactError when the tokenizer lacks a control token that the recipe relies on."""
        self._tokenizer = tokenizer
        before, after = recipe.prompt.split(DOCUMENT)
        start = max((before.rfind(token) + len(token) for token in tokenizer.added if token in before), default=0)
        end = min((after.find(token) for token in tokenizer.added if token in after), default=len(after))
        self._head, self._lead = tokenizer.encode_template(before[:start]), before[start:]
        self._tail, self._trail = tokenizer.encode_template(after[end:]), after[:end]
        unknown = [token for token in recipe.stop if tokenizer.token_id(token) is None]
        # A control token the tokenizer does not know would go to the model as seven tokens of punctuation.
        unknown += [f"<|{name}|>" for name in _control_names(recipe.prompt) if f"<|{name}|>" not in tokenizer.added]
        if unknown:
            raise ArtifactError(
                f"The tokenizer has no {unknown[0]}, which the recipe {recipe.name!r} relies on: "
                "this checkpoint belongs to another recipe."
            )
        self.stop_ids = frozenset(found for found in map(tokenizer.token_id, recipe.stop) if found is not None)
        """Ids that end the answer."""
        self.overhead = len(self.render(""))
        """Tokens of the prompt around an empty document."""
        self._prefix = _shared([self.render(probe) for probe in PROBES])

    def prefix(self, prompt: Sequence[int]) -> int:
        """Leading tokens of a rendered `prompt` that others have as well; 0 for the rare one that lacks them."""
        return len(self._prefix) if list(prompt[: len(self._prefix)]) == self._prefix else 0

    def render(self, document: str) -> list[int]:
        """The whole prompt as ids. No id between the recipe's own control tokens is a control token."""
        return [*self._head, *self._tokenizer.encode_text(f"{self._lead}{document}{self._trail}"), *self._tail]

    def begin(self, document: str) -> list[int]:
        """`render(document)` up to the end of the document, for what is read off it and asks for no answer."""
        return [*self._head, *self._tokenizer.encode_text(f"{self._lead}{document}")]

    def last_tokens(self, document: str, ends: Sequence[int]) -> list[int]:
        """Positions in `begin(document)` of the tokens that hold the characters before each of `ends`."""
        starts = self._tokenizer.starts(f"{self._lead}{document}")
        return [len(self._head) + max(0, bisect_left(starts, len(self._lead) + end) - 1) for end in ends]


def _without_added_tokens(tables: dict[str, Any], added: dict[str, int]) -> dict[str, Any]:
    model = dict(tables["model"])
    if model.get("type", "BPE") != "BPE":
        raise ValueError(f"its model is {model['type']}, and edgedoc reads BPE only")
    merges = model.get("merges") or []
    if len(model["vocab"]) > MAX_ENTRIES or len(merges) > MAX_ENTRIES:
        raise ValueError(f"more than {MAX_ENTRIES} tokens or merges")
    # Trained tokenizers often keep their control tokens in the vocabulary too, where a merge or `ignore_merges` could
    # reach them without any added token being declared.
    ids = set(added.values())
    model["vocab"] = {
        token: index for token, index in model["vocab"].items() if token not in added and index not in ids
    }
    kept = model["vocab"]
    pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in merges)
    model["merges"] = [pair for pair in pairs if pair[0] in kept and pair[1] in kept and "".join(pair) in kept]
    return {**tables, "model": model, "added_tokens": [], "post_processor": None, "truncation": None, "padding": None}


def _shared(prompts: Sequence[list[int]]) -> list[int]:
    first = prompts[0]
    count = next(
        (at for at, row in enumerate(zip(*prompts, strict=False)) if len(set(row)) > 1), min(map(len, prompts))
    )
    return first[:count]


def _control_names(prompt: str) -> list[str]:
    return [piece.split("|>")[0] for piece in prompt.split("<|")[1:] if "|>" in piece]


@contextmanager
def _tokenizer_errors(message: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    # The package raises bare Exception for bad input, and a panic (a BaseException outside Exception) when a hostile
    # regex hits its retry limit: nothing narrower than this catches both.
    except BaseException as error:
        raise ArtifactError(
            f"{message}: {str(error).splitlines()[0] if str(error) else type(error).__name__}."
        ) from error
