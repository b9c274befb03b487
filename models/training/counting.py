"""An attention head that counts the blocks read so far, written into an adapter's first layer. Knows no files.

From the token between two blocks it looks at all such tokens and at those of the prompt that stand before the document,
all alike: the share of the latter falls with every block. Gradients through the whole network find that slowly; written
down, training only has to learn what to make of it.
"""

import torch
from network import Qwen2
from torch import Tensor

SLOWEST = 31
"""The pair of coordinates that rotary positions turn least: a sixth of a radian over a window."""
SCORE = 12.0
"""Of what is counted, over all else."""
GAIN = 4.0
WEIGHT = 300.0
"""Of the two tokens, among all of the vocabulary."""


@torch.no_grad()
def count_blocks(model: Qwen2, gap: int, before: int) -> None:
    """Write the head: at `gap`, it counts `gap` and, before the document, `before`. Elsewhere it asks what it did."""
    layer, width = model.model.layers[0], model.shape.head_dim
    attention, x = layer.self_attn, layer.input_layernorm(model.model.embed_tokens.weight)
    weights = torch.ones(len(x))
    weights[[gap, before]] = WEIGHT
    is_gap, is_before = (_only(x, token, weights) for token in (gap, before))
    strength = (SCORE * width**0.5) ** 0.5
    query = torch.zeros(width)
    query[SLOWEST] = strength
    asks = attention.q_proj.weight().clone()
    asks[:width] += torch.outer(query - attention.q_proj(x[gap])[:width], is_gap)
    attention.q_proj.write(asks)
    for linear, row, wanted in (
        (attention.k_proj, SLOWEST, strength * (is_gap + is_before)),
        (attention.v_proj, 0, is_before),
    ):
        whole = linear.weight().clone()
        whole[row] = wanted
        linear.write(whole)
    whole, direction = attention.o_proj.weight().clone(), torch.randn(len(x[0]))
    whole[:, 0] = GAIN * direction / direction.norm()
    attention.o_proj.write(whole)


def _only(x: Tensor, token: int, weights: Tensor, strength: float = 1e-3) -> Tensor:
    """w (hidden,) with x @ w near 1 at `token` and 0 elsewhere, by weighted least squares; x (vocabulary, hidden)."""
    square = (x * weights[:, None]).T @ x / len(x)
    ridge = strength * square.diagonal().mean() * torch.eye(len(square))
    return torch.linalg.solve(square + ridge, x[token] * weights[token] / len(x))
