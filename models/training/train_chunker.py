"""Trains a chunker: a LoRA adapter over the frozen nano-reader, resumable and seeded.

    python models/training/train_chunker.py --data docs.jsonl.gz --mode simple --out FOLDER

Needs torch. Every 250 steps FOLDER holds the adapter in PEFT's layout and state.pt to go on from.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from lora import load, over_nano_reader, save
from sections import DECIDE, HELD_OUT, Block, Example, Examples, blocks, documents, patchwork
from state import keep, resume
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from edgedoc.recipes import load_recipe
from edgedoc.tokens import Tokenizer

BATCH_TOKENS = 8192
LENGTHS = (768, 1024, 1536, 2048, 2048)
PROSE = "osbooks"
"""Textbooks. The rest is templated software documentation."""


class Batches(Dataset[tuple[Tensor, ...]]):
    """Batch number to (ids, flat rows, targets, weights); every batch follows from its number alone."""

    def __init__(self, examples: Examples, found: list[dict[str, object]], options: argparse.Namespace) -> None:
        self.examples, self.seed = examples, options.seed
        self.headings, self.share, self.patched = options.headings, options.prose, options.patched
        self.prose: dict[tuple[str, bool], list[list[Block]]] = {}
        self.other: dict[tuple[str, bool], list[list[Block]]] = {}
        for number, document in enumerate(found):
            source = str(document["source"]).split("@")[0]
            for headings in (False, True):
                parts = blocks(document, headings=headings)
                if number % HELD_OUT and len(parts) > 1:
                    (self.prose if PROSE in source else self.other).setdefault((source, headings), []).append(parts)

    def __len__(self) -> int:
        return 1 << 30

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        rng = random.Random(self.seed * 1_000_003 + step)
        length = rng.choice(LENGTHS)
        batch: list[Example] = []
        while len(batch) < BATCH_TOKENS // length:
            headings = rng.random() < self.headings
            found = self.prose if rng.random() < self.share else self.other
            groups = [group for (_, kept), group in found.items() if kept is headings]
            (group,) = rng.choices(groups, [len(group) for group in groups])
            # In a patchwork headings stand anywhere: where they are kept, they must mean what they say.
            patched = not headings and rng.random() < self.patched
            parts = patchwork(rng, group) if patched else rng.choice(group)
            example = self.examples.draw(rng, parts, length)
            if example is not None:
                batch.append(example)
        return collate(batch, length)


def collate(batch: list[Example], length: int) -> tuple[Tensor, ...]:
    """Padded on the right; rows padded to full 512s with weight 0."""
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    for index, example in enumerate(batch):
        ids[index, : len(example.ids)] = torch.from_numpy(example.ids.astype(np.int64))
    rows = np.concatenate([example.rows + index * length for index, example in enumerate(batch)])
    missing = -len(rows) % 512
    return (
        ids,
        torch.from_numpy(np.pad(rows, (0, missing))),
        torch.from_numpy(np.pad(np.concatenate([e.targets for e in batch]), (0, missing))),
        torch.from_numpy(np.pad(np.concatenate([e.weights for e in batch]), (0, missing))),
    )


def main() -> None:
    """Parse options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--mode", choices=("simple", "topic", "summary"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="an adapter folder to begin with, of another mode perhaps")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--prose", type=float, default=0.4, help="share of textbooks among the documents drawn")
    parser.add_argument("--headings", type=float, default=0.25, help="share of examples that keep heading lines")
    parser.add_argument("--patched", type=float, default=0.6, help="share of texts put together from several documents")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model, base = over_nano_reader(options.rank)
    if options.start:
        load(model, options.start)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    state = options.out / "state.pt"
    options.out.mkdir(parents=True, exist_ok=True)
    step = resume(state, trained, optimizer)
    recipe = load_recipe(f"text-seg-lm-{options.mode}")
    examples = Examples(recipe, Tokenizer.from_file(base / "tokenizer.json"))
    batches = Batches(examples, documents(options.data), options)
    print(f"{sum(p.numel() for p in trained):,} trained parameters, step {step}", flush=True)
    forward = torch.compile(model, dynamic=True) if options.compile else model
    loader = DataLoader(batches, batch_size=None, sampler=range(step, options.steps), num_workers=1, prefetch_factor=8)
    started, tokens, losses = time.time(), 0, 0.0
    hits: dict[bool, list[int]] = {True: [0, 0], False: [0, 0]}
    for ids, rows, targets, weights in loader:
        rate = options.rate * min(1.0, (step + 1) / 100, 1.2 * (1 - step / options.steps))
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward(ids, rows)
        loss = (functional.cross_entropy(logits.float(), targets, reduction="none") * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens, losses = tokens + ids.numel(), losses + loss.item()
        right = logits.argmax(-1) == targets
        for decides in (True, False):
            chosen = (weights == DECIDE) if decides else (weights > 0) & (weights < DECIDE)
            hits[decides][0] += int(right[chosen].sum())
            hits[decides][1] += int(chosen.sum())
        if step % 50 == 0:
            accuracy = ", ".join(f"{hit / max(1, n):.4f}" for hit, n in hits.values())
            speed = tokens / (time.time() - started)
            print(f"step {step} loss {losses / 50:.4f} decisions, copies {accuracy} {speed:,.0f} tok/s", flush=True)
            started, tokens, losses, hits = time.time(), 0, 0.0, {True: [0, 0], False: [0, 0]}
        if step % 250 == 0 or step >= options.steps:
            keep(state, step, trained, optimizer)
            save(model, options.out, base="nano-reader", rank=options.rank, alpha=options.rank)
    print(json.dumps({"steps": step}))


if __name__ == "__main__":
    main()
