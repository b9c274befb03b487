"""The README's table of commands is the command line's own list."""

import re
from pathlib import Path

import pytest

from edgedoc.cli import app

README = Path(__file__).parent.parent / "README.md"
TABLE = re.compile(r"<!-- commands -->\n(.*?)<!-- /commands -->", re.DOTALL)
ROW = re.compile(r"^\| `edgedoc ([a-z]+)[^`]*` \|", re.MULTILINE)


def test_the_readme_lists_the_commands_there_are() -> None:
    table = TABLE.search(README.read_text("utf-8")) if README.exists() else None
    if table is None:
        pytest.skip("no table of commands in README.md")
    names = [
        command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands
    ]
    names += [group.name or "" for group in app.registered_groups]
    assert ROW.findall(table[1]) == names
