"""Keeps the stdout that a parent process reads to ourselves. Imports nothing that has to be installed."""

import os
from typing import TextIO


def private_stdout() -> TextIO:
    """The stdout of this process; what native libraries print to theirs goes to stderr from here on."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="utf-8", newline="\n")
