"""edgedoc: small document language models on a laptop or an edge box, offline.

The names below are the public face. They load on first use, so that `import edgedoc` costs nothing and needs no engine.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgedoc.artifact import Artifact as Artifact
    from edgedoc.errors import EdgedocError as EdgedocError
    from edgedoc.manifest import Manifest as Manifest
    from edgedoc.recipes import Recipe as Recipe
    from edgedoc.recipes import Task as Task
    from edgedoc.recipes import list_recipes as list_recipes
    from edgedoc.recipes import load_recipe as load_recipe
    from edgedoc.tasks.reader import Reader as Reader

__version__ = "0.1.0"

_HOMES = {
    "Artifact": "edgedoc.artifact",
    "EdgedocError": "edgedoc.errors",
    "Manifest": "edgedoc.manifest",
    "Reader": "edgedoc.tasks.reader",
    "Recipe": "edgedoc.recipes",
    "Task": "edgedoc.recipes",
    "list_recipes": "edgedoc.recipes",
    "load_recipe": "edgedoc.recipes",
}

__all__ = ["Artifact", "EdgedocError", "Manifest", "Reader", "Recipe", "Task", "list_recipes", "load_recipe"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgedoc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
