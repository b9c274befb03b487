"""Goes on with a benchmark that was killed: what its file holds of the same setup is not measured again.

A result is a table with its `setup`, and `cells` by name, each finished. Knows no figure.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgedoc import console
from edgedoc.files import write

Result = dict[str, Any]


def resume(path: Path, setup: Mapping[str, Any], still: Callable[[str, Result], bool]) -> Result:
    """What `path` holds of the same setup; a new result where it holds another's, or nothing.

    Only those cells are kept of which `still` says, from name and content, that they count.
    """
    if path.is_file():
        found: Result = json.loads(path.read_text("utf-8"))
        if found.get("setup") == setup:
            cells = {name: cell for name, cell in found["cells"].items() if still(name, cell)}
            console.note(f"kept from {path}: {', '.join(cells) or 'nothing'}")
            return {**found, "cells": cells}
        console.note(f"{path} is of another setup and will be replaced")
    return {"setup": dict(setup), "cells": {}}


def keep(path: Path, result: Result, name: str, cell: Result) -> None:
    """Put a finished cell into the result and its file. Raises OutputError."""
    result["cells"][name] = cell
    write(path, json.dumps(result, indent=1) + "\n")
