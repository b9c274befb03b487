"""Two attention heads of a layer, taught alone and then written into the adapter. Knows no text and no files.

Gradients through a whole network take long to find that a token should look for its like. A pair of heads on a frozen
stream, with a small readout of its own, finds it in minutes: queries and keys start as one projection (Trockman and
Kolter, Mimetic Initialization of Self-Attention Layers, arXiv 2305.09828), onto the directions in which tokens differ
most against the same token's spread (Fisher's discriminant), in coordinates that rotary positions turn slowly.
"""

from collections.abc import Callable, Iterable

import torch
from network import Attention, Shape, rotary, rotate
from torch import Tensor, nn
from torch.nn import functional

SLOW = range(22, 31)
"""Pairs of coordinates that turn by about a radian or less over the tokens among which words are looked for."""
MATCH, SINK = 12.0, 8.0
"""Scores to begin with: of a token with its like, and with the sink, which is for those that have none."""
REACHES = (range(10, 16), range(15, 21))
"""Pairs whose turning makes a head look back some 30 tokens, and some 150."""
NEAR = 8.0
"""Score of the token itself, to begin with, where a head looks back."""
GAIN = 1.0
"""Of what the heads found, in the stream."""
RATE = 2e-3


class Heads(nn.Module):
    """Two query heads over one key and one value head, and a readout that is thrown away."""

    def __init__(self, shape: Shape, outputs: int) -> None:
        super().__init__()
        self.shape, hidden, width = shape, shape.hidden_size, shape.head_dim
        self.query, self.key = nn.Linear(hidden, 2 * width), nn.Linear(hidden, width)
        self.value = nn.Linear(hidden, width)
        self.readout = nn.Sequential(nn.Linear(hidden + 2 * width, 128), nn.GELU(), nn.Linear(128, outputs))
        for linear in (self.query, self.key):
            nn.init.normal_(linear.weight, std=0.003)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, length, hidden), normalised, to (batch, length, outputs)."""
        batch, length, _ = x.shape
        cos, sin = rotary(length, self.shape)
        query = rotate(self.query(x).view(batch, length, 2, -1).transpose(1, 2), cos, sin)
        key, value = rotate(self.key(x)[:, None], cos, sin), self.value(x)[:, None]
        found = functional.scaled_dot_product_attention(
            query, key.expand(-1, 2, -1, -1), value.expand(-1, 2, -1, -1), is_causal=True
        )
        said: Tensor = self.readout(torch.cat((x, found.transpose(1, 2).reshape(batch, length, -1)), -1))
        return said

    @torch.no_grad()
    def look_for_the_like(self, x: Tensor, tokens: Tensor, sink: int) -> None:
        """Begin with queries that find keys of the same token; x (n, hidden) are streams at `tokens` (n,)."""
        half = self.shape.head_dim // 2
        dims = [*SLOW, *(pair + half for pair in SLOW)]
        directions, mean = _discriminant(x, tokens, len(dims))
        always = _ridge(x, torch.ones(len(x)))
        centred = directions - torch.outer(always, mean @ directions)
        at_sink = _ridge(x, (tokens == sink).float())
        at_sink /= (x @ at_sink)[tokens == sink].mean()
        # A score is a product over sqrt(head_dim); the discriminant's coordinates have variance 1.
        root = self.shape.head_dim**0.5
        scale, depth = (MATCH * root / len(dims)) ** 0.5, (SINK * root) ** 0.5
        for rows, weight, constant in (
            (self.query.weight[: 2 * half], scale, always),
            (self.query.weight[2 * half :], 0.6 * scale, always),
            (self.key.weight, scale, at_sink),
        ):
            rows[dims] = weight * centred.T
            rows[-1] = depth * constant

    @torch.no_grad()
    def look_back(self) -> None:
        """Begin with heads that average over the last tokens, whatever they are."""
        width, root = self.shape.head_dim, self.shape.head_dim**0.5
        for head, pairs in enumerate(REACHES):
            for pair in pairs:
                self.query.bias[head * width + pair] = (NEAR * root / len(pairs)) ** 0.5
                self.key.bias[pair] = (NEAR * root / len(pairs)) ** 0.5

    def learn(self, batches: Iterable[tuple[Tensor, Callable[[Tensor], Tensor]]], steps: int) -> list[float]:
        """Take `steps` of batches (x, outputs to loss), with AdamW: the losses."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=RATE, betas=(0.9, 0.98))
        losses: list[float] = []
        for step, (x, loss_of) in zip(range(steps), batches, strict=False):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / 20, 1.2 * (1 - step / steps))
            with torch.autocast("cpu", torch.bfloat16):
                outputs = self(x)
            loss = loss_of(outputs.float())
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    @torch.no_grad()
    def insert(self, attention: Attention, x: Tensor) -> None:
        """Write the heads over the first group of `attention`, whose matrices are adapted; x (n, hidden) as it gets.

        What the heads found goes into the stream in directions drawn at random: what to make of it, training learns.
        """
        # An adapter has no biases: they hang on what every x has in common.
        always = _ridge(x, torch.ones(len(x)))
        for mine, theirs in (
            (self.query, attention.q_proj),
            (self.key, attention.k_proj),
            (self.value, attention.v_proj),
        ):
            whole, rows = theirs.weight().clone(), len(mine.weight)
            whole[:rows] = mine.weight + torch.outer(mine.bias - theirs.base.bias[:rows], always)
            theirs.write(whole)
        whole, columns = attention.o_proj.weight().clone(), len(self.query.weight)
        whole[:, :columns] = GAIN * torch.linalg.qr(torch.randn(len(whole), columns))[0]
        attention.o_proj.write(whole)


def _ridge(x: Tensor, y: Tensor, strength: float = 1e-3) -> Tensor:
    """w (hidden,) with x @ w near y (n,)."""
    square = x.T @ x / len(x)
    return torch.linalg.solve(square + strength * square.diagonal().mean() * torch.eye(len(square)), x.T @ y / len(x))


def _discriminant(x: Tensor, classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(hidden, count) directions in which classes differ most against their own spread, scaled; the classes' mean."""
    sizes = torch.bincount(classes).float()
    means = torch.zeros(len(sizes), x.shape[1]).index_add_(0, classes, x) / sizes.clamp(min=1)[:, None]
    inside = x - means[classes]
    within = inside.T @ inside / len(x)
    known = sizes >= 5
    weights = sizes[known].sqrt() / sizes[known].sqrt().sum()
    mean = weights @ means[known]
    apart = means[known] - mean
    between = (apart * weights[:, None]).T @ apart
    values, vectors = torch.linalg.eigh(within + 1e-2 * within.diagonal().mean() * torch.eye(len(within)))
    whiten = vectors @ torch.diag(values**-0.5) @ vectors.T
    _, vectors = torch.linalg.eigh(whiten @ between @ whiten)
    directions = (whiten @ vectors)[:, -count:]
    return directions / (apart @ directions).std(0), mean
