"""File names after ggml's scheme: the hub and ollama read size and encoding off them. Knows no files.

Scheme and regular expression: ggml, docs/gguf.md, "GGUF Naming Convention":
BaseName-SizeLabel[-FineTune]-Version[-Encoding].gguf
"""

import re

from edgedoc.errors import UsageError
from edgedoc.recipes import Identity

PATTERN = re.compile(
    r"^(?P<BaseName>[A-Za-z0-9\s]*(?:(?:-(?:(?:[A-Za-z\s][A-Za-z0-9\s]*)|(?:[0-9\s]*)))*))"
    r"-(?:(?P<SizeLabel>(?:\d+x)?(?:\d+\.)?\d+[A-Za-z](?:-[A-Za-z]+(\d+\.)?\d+[A-Za-z]+)?)"
    r"(?:-(?P<FineTune>[A-Za-z0-9\s-]+))?)?"
    r"-(?:(?P<Version>v\d+(?:\.\d+)*))"
    r"(?:-(?P<Encoding>(?!LoRA|vocab)[\w_]+))?"
    r"(?:-(?P<Type>LoRA|vocab))?"
    r"(?:-(?P<Shard>\d{5}-of-\d{5}))?\.gguf$"
)


def file_name(identity: Identity, encoding: str) -> str:
    """For instance `reader-lm-0.5B-v1.0-Q4_0.gguf`. Raises UsageError when `identity` does not fit the scheme."""
    parts = (identity.basename, identity.size_label, identity.finetune, identity.version, encoding)
    name = "-".join(part for part in parts if part) + ".gguf"
    # White space is allowed by the scheme, but two of its alternatives match it, and a run of "- " backtracks for
    # years.
    found = None if any(character.isspace() for character in name) else PATTERN.match(name)
    if found is None or (found["Version"], found["Encoding"]) != (identity.version, encoding):
        raise UsageError(
            f"{name!r} does not follow ggml's naming scheme; set basename, size_label (as 0.5B), finetune and version "
            "(as v1.0) in the recipe's [identity]"
        )
    return name
