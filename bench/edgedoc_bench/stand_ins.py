"""Checkpoints in the place of reader-lm-0.5b's: its exact shapes at full cost, where its weights are not at hand.

Widened, a model is zero-padded and answers as it did, so documents cost what they cost with the real one; random
weights answer noise, and are for costs that no answer decides, such as those of a full context of 32,768 tokens.
"""

import os
import shutil
from enum import StrEnum
from pathlib import Path


class StandIn(StrEnum):
    """How the shapes are filled."""

    WIDENED = "widened"
    RANDOM = "random"


def make_stand_in(kind: StandIn, model: str | Path, folder: Path) -> Path:
    """The checkpoint at `folder`, made unless it is there; `model` is what is widened. Takes 1 GB.

    Raises what `find_source` and `widen` raise.
    """
    if folder.is_dir():
        return folder
    from edgedoc_export.checkpoint import Checkpoint
    from edgedoc_export.random_weights import READER_LM_05B, random_checkpoint
    from edgedoc_export.sources import find_source
    from edgedoc_export.widen import widen

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        if kind is StandIn.RANDOM:
            random_checkpoint(READER_LM_05B, unfinished, seed=0)
        else:
            widen(Checkpoint.open(find_source(model).folder), READER_LM_05B, unfinished, dtype="BF16")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
