"""Trains a chunker that says where each block ends whether the block opened a section; seeded.

    python models/training/train_marks.py --data docs.jsonl.gz --start ADAPTER --out FOLDER

Begins with an adapter that lists heads (train_chunker.py) and keeps what that can do: of five batches one has headings
and an answer. Layer by layer: two heads alone, then the rest of their layer with all above, and what they need is not
touched again. Needs torch and scikit-learn. Goes on from a stage that is finished; FOLDER holds the adapter.
"""

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from heads import Heads
from lora import over_nano_reader, save, take_over
from marked import PAD, Batch, Batches
from network import Qwen2
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from edgedoc.recipes import load_recipe
from edgedoc.tokens import Tokenizer

RECIPE = "nano-chunker-simple"
MATCHES, AVERAGES, DECIDES = 1, 2, 3
"""Layers. Of the first two, the first group of heads is what base and answers need least: without them the answer's
loss rises from 0.147 to 0.189 and falls to 0.146.
"""
SPREAD = 0.2
"""Of what a block's novelty is measured in: errors are taken in units of it."""
MARKS = ("C", "<|im_end|>")
"""What an answer would go on with if the block started a chunk, and what it would end with: `chunking.marks` in the
recipe of the adapter that is made.
"""
SINK = "###"
PARTS = (("before", "plain"), ("marks", "plain"), ("figures", "plain"), ("answer", "answered"))
"""Losses that are printed, and which batches have them."""
Forward = Callable[..., tuple[Tensor, ...]]


class Marker(nn.Module):
    """The model, and what is read off its streams while it learns: `known` of a token, `novel` of a block's end."""

    def __init__(self, model: Qwen2, yes: int, no: int) -> None:
        super().__init__()
        self.model, self.yes, self.no = model, yes, no
        hidden = model.shape.hidden_size
        self.known = nn.Sequential(nn.RMSNorm(hidden), nn.Linear(hidden, 3))
        self.novel = nn.Sequential(nn.RMSNorm(hidden), nn.Linear(hidden, 4))

    def forward(self, ids: Tensor, ends: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ids (batch, length), flat `ends` (m,) and `rows` (n,): odds (m,), novel (m, 4), logits (n, vocabulary)."""
        streams = self.model.streams(ids)
        last = streams[-1].flatten(0, 1)
        table = self.model.model.embed_tokens.weight
        odds = self.model.model.norm(last[ends]).float() @ (table[self.yes] - table[self.no])
        novel = self.novel(streams[AVERAGES + 1].flatten(0, 1)[ends].float())
        return odds, novel, functional.linear(self.model.model.norm(last[rows]), table)


@dataclass(frozen=True)
class Stage:
    """What is trained for how many steps: a layer with heads taught alone, or the decision.

    What the heads look at stays as it was when they learnt; the averaging ones go on learning with the decision.
    """

    layer: int
    steps: int

    def trained(self, marker: Marker) -> list[nn.Parameter]:
        """Of a layer with heads all but what they ask and see, and every layer above; freezes the rest."""
        first = min(self.layer, AVERAGES)
        held = [f"layers.{layer}." for layer in range(first)]
        if self.layer != DECIDES:
            held += [f"layers.{first}.self_attn.{name}_proj" for name in "qkv"]
        chosen = []
        for name, parameter in marker.named_parameters():
            if "lora_" in name:
                parameter.requires_grad_(not any(part in name for part in held))
            if parameter.requires_grad:
                chosen.append(parameter)
        return chosen

    def loss(self, marker: Marker, forward: Forward, batch: Batch, told: Counter[str]) -> Tensor:
        """The loss of one batch; its parts are added to `told`."""
        told["answered" if batch.answered else "plain"] += 1
        if self.layer != DECIDES and not batch.answered:
            with torch.autocast("cpu", torch.bfloat16):
                stream = marker.model.streams(batch.ids, self.layer + 1)[-1]
            if self.layer == MATCHES:
                before = _known(marker.known(stream.float()), batch.seen)
                told["before"] += before.item()
                return before
            figures, early = _figures(marker.novel(stream.flatten(0, 1)[batch.ends].float()), batch)
            told["figures"] += figures.item()
            return figures + 0.5 * early
        with torch.autocast("cpu", torch.bfloat16):
            odds, novel, logits = forward(batch.ids, batch.ends, batch.rows)
        marks = _mean(_bce(odds, batch.opens), batch.judged)
        if batch.answered:
            answer = _mean(functional.cross_entropy(logits.float(), batch.targets, reduction="none"), batch.weights)
            told["answer"] += answer.item()
            return 0.5 * marks + answer
        figures, early = _figures(novel, batch)
        told["marks"] += marks.item()
        told["figures"] += figures.item()
        return marks + figures + 0.5 * early


def teach_heads(marker: Marker, batches: Iterator[Batch], layer: int, steps: int, sink: int) -> list[float]:
    """Teach two heads of `layer` alone and write them into the adapter."""
    model, shape = marker.model, marker.model.shape
    attention = model.model.layers[layer].self_attn

    @torch.no_grad()
    def seen_by(ids: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            stream: Tensor = model.model.layers[layer].input_layernorm(model.streams(ids, layer)[-1])
        return stream.float()

    plain = (batch for batch in batches if not batch.answered)
    first = list(itertools.islice(plain, 30))
    tokens = torch.cat([batch.ids.flatten() for batch in first])
    x = torch.cat([seen_by(batch.ids).flatten(0, 1) for batch in first])[tokens != PAD]
    heads = Heads(shape, 3 if layer == MATCHES else 4)
    if layer == MATCHES:
        heads.look_for_the_like(x, tokens[tokens != PAD], sink)
    else:
        heads.look_back()

    def wanted(batch: Batch) -> Callable[[Tensor], Tensor]:
        if layer == MATCHES:
            return lambda said: _known(said, batch.seen)

        def block_ends(said: Tensor) -> Tensor:
            return sum(_figures(said.flatten(0, 1)[batch.ends], batch), torch.zeros(()))

        return block_ends

    losses = heads.learn(((seen_by(batch.ids), wanted(batch)) for batch in plain), steps)
    heads.insert(attention, x)
    return losses


def main() -> None:
    """Parse options and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--start", type=Path, required=True, help="an adapter folder to begin with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--alone", type=int, default=300, help="steps for which heads are taught alone")
    parser.add_argument("--lead", type=int, default=350, help="steps of the rest of the first heads' layer")
    parser.add_argument("--middle", type=int, default=400, help="steps of the rest of the second heads' layer")
    parser.add_argument("--steps", type=int, default=1000, help="steps of all above")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=128)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model, base = over_nano_reader(options.rank)
    tokenizer, recipe = Tokenizer.from_file(base / "tokenizer.json"), load_recipe(RECIPE)
    yes, no, sink = (tokenizer.token_id(token) for token in (*MARKS, SINK))
    assert yes is not None and no is not None and sink is not None
    take_over(model, options.start)
    marker, batches = Marker(model, yes, no), Batches(recipe, tokenizer, options.data, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for stage in (Stage(MATCHES, options.lead), Stage(AVERAGES, options.middle), Stage(DECIDES, options.steps)):
        state = options.out / f"state{stage.layer}.pt"
        if state.exists():
            marker.load_state_dict(torch.load(state, weights_only=True))
            continue
        if stage.layer != DECIDES:
            alone = DataLoader(batches, batch_size=None, sampler=range(10**6 * stage.layer, 10**9), num_workers=1)
            losses = teach_heads(marker, iter(alone), stage.layer, options.alone, sink)
            told_alone = f"{np.mean(losses[:20]):.3f} to {np.mean(losses[-20:]):.3f}"
            print(f"heads of layer {stage.layer} alone: {told_alone}", flush=True)
        trained = stage.trained(marker)
        optimizer = torch.optim.AdamW(trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
        forward = torch.compile(marker, dynamic=True) if options.compile else marker
        order = range(10**4 * stage.layer, 10**4 * stage.layer + stage.steps)
        loader = DataLoader(batches, batch_size=None, sampler=order, num_workers=1, prefetch_factor=8)
        started, told = time.time(), Counter[str]()
        for step, batch in enumerate(loader, 1):
            for group in optimizer.param_groups:
                group["lr"] = options.rate * min(1.0, step / 60, 1.2 * (1 - (step - 1) / stage.steps))
            stage.loss(marker, forward, batch, told).backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if step % 50 == 0:
                parts = ", ".join(f"{name} {told[name] / max(1, told[count]):.4f}" for name, count in PARTS)
                print(f"step {step}: {parts}; {50 / (time.time() - started):.2f} steps/s", flush=True)
                started = time.time()
                told.clear()
            if step % 250 == 0 or step == stage.steps:
                save(model, options.out, base="nano-reader", rank=options.rank, alpha=options.rank)
        torch.save(marker.state_dict(), state.with_suffix(".new"))
        state.with_suffix(".new").replace(state)


def _bce(said: Tensor, wanted: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(said, wanted, reduction="none")


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum()


def _known(said: Tensor, seen: Tensor) -> Tensor:
    asked = (seen >= 0).float()
    return ((_bce(said, seen.clamp(min=0)) * asked).sum((0, 1)) / asked.sum((0, 1))).sum()


def _figures(said: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Losses of `said` (m, 4) at block ends: how much is new, and whether the block opens a section."""
    figures = (((said[:, :3] - batch.novel) / SPREAD) ** 2).mean(1)
    return _mean(figures, batch.judged), _mean(_bce(said[:, 3], batch.opens), batch.judged)


if __name__ == "__main__":
    main()
