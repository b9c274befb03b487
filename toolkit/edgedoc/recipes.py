"""Recipes: what a checkpoint expects, as data. Prompt, stop tokens, decoding, licence, source; one TOML file each.

Knows no tokenizer and no engine: control tokens stay text here, and `{document}` stays a placeholder. A recipe is the
only authority on decoding; the generation_config.json a checkpoint ships is never read (reader-lm's samples at
temperature 0.7).
"""

import difflib
import importlib.resources
import json
import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from edgedoc.errors import MissingError, UsageError
from edgedoc.schema import SchemaError, from_table, to_table

DOCUMENT = "{document}"


class Task(StrEnum):
    """What a model does: HTML to Markdown, or text to chunks."""

    READER = "reader"
    CHUNKER = "chunker"


class Mode(StrEnum):
    """How a chunker answers: heads only, topics first, or a summary with every head."""

    SIMPLE = "simple"
    TOPIC = "topic"
    SUMMARY = "summary"


class Finest(StrEnum):
    """The finest places a chunker was trained to cut at."""

    SENTENCE = "sentence"
    BLOCK = "block"


class Method(StrEnum):
    """How a chunker finds boundaries: it writes the heads of its chunks, or every possible head is weighed."""

    GENERATE = "generate"
    SCORE = "score"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights come from. All None: the recipe is for a checkpoint folder the user names."""

    hub_id: str | None = None
    revision: str | None = None
    """Full commit hash; None means `main`, resolved to a commit and recorded at export."""
    base: str | None = None
    """Hub id of the dense model an adapter sits on; None for a full checkpoint or when adapter_config.json names it."""
    bundled: str | None = None
    """Folder under edgedoc_models/checkpoints/."""


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The weights' licence as their card states it. `id` None: the card names none."""

    id: str | None = None
    link: str | None = None
    commercial: bool | None = None
    note: str

    @property
    def terms(self) -> str:
        """The licence in a line: id, note and link, as far as there are any."""
        line = " ".join(part for part in (self.id, self.note, self.link) if part)
        # It is printed, and an artifact may come from anywhere: no escape codes for the terminal.
        return "".join(letter if letter.isprintable() else "?" for letter in line)


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """Greedy always. The output budget of a document is min(max_output_tokens, 64 + output_ratio * document tokens)."""

    repetition_penalty: float
    max_output_tokens: int
    output_ratio: float

    def budget(self, document_tokens: int) -> int:
        """Most tokens the model may write for a document of this many tokens."""
        return min(self.max_output_tokens, 64 + int(self.output_ratio * document_tokens))


@dataclass(frozen=True, kw_only=True)
class Chunking:
    """How a chunker sees text and is asked."""

    head: int
    """Most characters of a head, white space collapsed."""
    collapse: bool
    """Whether the document goes into the prompt on one line, every run of white space one space."""
    finest: Finest
    """Where blocks are the finest, sentences count only in a window without blocks."""
    method: Method
    threshold: float
    """Probability from which scoring cuts."""
    marks: tuple[str, ...] | None = None
    """Two tokens, for yes and for no, of a model trained to say where a block ends whether it started a chunk: their
    odds are the score, and nothing is written. None: every possible head is listed and weighed."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The parts of a GGUF file name (ggml docs/gguf.md): basename-size_label[-finetune]-version-encoding.gguf."""

    basename: str
    size_label: str
    finetune: str | None = None
    version: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything edgedoc must know about one checkpoint besides its weights and tokenizer."""

    name: str
    task: Task
    title: str
    parameters: int
    languages: tuple[str, ...]
    mode: Mode | None = None
    prompt: str
    """Exact text with `{document}` once; control tokens written literally."""
    stop: tuple[str, ...]
    parser: str
    context: int
    """Tokens the model was trained on at once: prompt, document and output together."""
    window: int
    """Most tokens of document in one prompt."""
    decoding: Decoding
    chunking: Chunking | None = None
    source: Source
    licence: Licence
    identity: Identity

    def to_toml(self) -> str:
        """The recipe as TOML; `parse_recipe` of it gives an equal recipe."""
        table = to_table(self)
        plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
        blocks = ["\n".join(_line(name, value) for name, value in plain.items())]
        for name, value in table.items():
            if isinstance(value, dict):
                blocks.append("\n".join([f"[{name}]", *(_line(key, item) for key, item in value.items())]))
        return "\n\n".join(blocks) + "\n"


def parse_recipe(text: str, origin: str) -> Recipe:
    """Read a recipe from TOML; `origin` names it in messages. Raises UsageError naming the key and the origin."""
    try:
        recipe = from_table(Recipe, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, SchemaError) as error:
        raise UsageError(f"{origin}: {error}.") from error
    for complaint in _complaints(recipe):
        raise UsageError(f"{origin}: {complaint}.")
    return recipe


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe by catalogue name, or from a .toml file. Raises UsageError, for an unknown name with the nearest one."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        try:
            return parse_recipe(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"Cannot read the recipe {path}: {error}.") from error
    catalogue = _catalogue()
    name = str(name_or_path)
    if name in catalogue:
        return parse_recipe(catalogue[name].read_text("utf-8"), f"{name}.toml")
    near = difflib.get_close_matches(name, catalogue, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known recipes: {', '.join(catalogue)}."
    raise UsageError(f"There is no recipe named {name!r}. {hint}")


def list_recipes() -> tuple[Recipe, ...]:
    """Every recipe of the catalogue, by name."""
    return tuple(load_recipe(name) for name in _catalogue())


def _catalogue() -> dict[str, Traversable]:
    try:
        folder = importlib.resources.files("edgedoc_models") / "recipes"
        files = {entry.name.removesuffix(".toml"): entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise MissingError(
            "The recipes are not installed. Reinstall with: pip install --force-reinstall edgedoc"
        ) from error
    return dict(sorted(files.items()))


def _complaints(recipe: Recipe) -> list[str]:
    complaints = []
    if recipe.prompt.count(DOCUMENT) != 1:
        complaints.append(f"'prompt' should contain {DOCUMENT} exactly once")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", recipe.name):
        complaints.append("'name' becomes a folder: only a-z, 0-9, '.', '_' and '-', starting with a letter or digit")
    if (recipe.mode is None) != (recipe.task is Task.READER):
        complaints.append("'mode' belongs to a chunker, and a chunker needs one")
    if (recipe.chunking is None) != (recipe.task is Task.READER):
        complaints.append("'chunking' belongs to a chunker, and a chunker needs one")
    if recipe.chunking is not None and not recipe.chunking.head > 0:
        complaints.append("'chunking.head' should be positive")
    if recipe.chunking is not None and not 0.0 < recipe.chunking.threshold < 1.0:
        complaints.append("'chunking.threshold' should lie between 0 and 1")
    if recipe.chunking is not None and recipe.chunking.marks is not None and len(set(recipe.chunking.marks)) != 2:
        complaints.append("'chunking.marks' should be two tokens, one for yes and one for no")
    if not recipe.stop:
        complaints.append("'stop' should name at least one token")
    if not 0 < recipe.window <= recipe.context:
        complaints.append("'window' should be positive and not above 'context'")
    if recipe.parameters <= 0:
        complaints.append("'parameters' should be positive")
    # Written so that NaN fails too.
    if not 1.0 <= recipe.decoding.repetition_penalty <= 2.0:
        complaints.append("'decoding.repetition_penalty' should lie between 1 (none) and 2")
    if recipe.decoding.max_output_tokens <= 0:
        complaints.append("'decoding.max_output_tokens' should be positive")
    if not 0.0 <= recipe.decoding.output_ratio <= 100.0:
        complaints.append("'decoding.output_ratio' should lie between 0 and 100")
    if recipe.source.revision is not None and not re.fullmatch(r"[0-9a-f]{40}", recipe.source.revision):
        complaints.append("'source.revision' should be a full commit hash of 40 hexadecimal digits")
    return complaints


def _line(key: str, value: Any) -> str:
    return f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # JSON's string escapes are a subset of TOML's, but TOML wants DEL escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
