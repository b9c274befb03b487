"""Where an adapter's training stands, in a file to go on from: steps, weights, optimizer. Knows no model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn


def resume(path: Path, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    """Take over what `keep` wrote: the steps done, 0 where there is no file."""
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    for parameter, value in zip(trained, saved["trained"], strict=True):
        parameter.data.copy_(value)
    optimizer.load_state_dict(saved["optimizer"])
    step: int = saved["step"]
    return step


def keep(path: Path, step: int, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """Write it whole or not at all."""
    content = {"step": step, "trained": [p.data for p in trained], "optimizer": optimizer.state_dict()}
    torch.save(content, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
