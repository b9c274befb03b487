"""Trains a chunker to say, where a block ends, whether the block opened a section; resumable and seeded.

    torchrun --nproc-per-node 2 models/training/train_marks.py --data docs.jsonl.gz --adapter ADAPTER --out FOLDER

Begins with an adapter that writes heads (train_chunker.py) and keeps what that can do: some of the batches have
headings and an answer. Needs torch and scikit-learn. Every 250 steps FOLDER holds the adapter and state.pt to go on
from.
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path

import torch
import torch.distributed
from counting import count_blocks
from lora import load, over_nano_reader, save
from marked import Batch, Batches
from network import Qwen2
from state import keep, resume
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from train import average_gradients

from edgedoc.recipes import load_recipe
from edgedoc.tasks.marking import GAP
from edgedoc.tokens import Tokenizer

RECIPE = "nano-chunker-simple"
BEFORE = "### Input:"
"""What the prompt has before the document."""
PARTS = (("marks", "plain"), ("marks with headings", "answered"), ("answers", "answered"))
"""Losses that are printed, and which batches have them."""


class Marker(nn.Module):
    """The model, and the two tokens whose odds are the mark."""

    def __init__(self, model: Qwen2, marks: tuple[int, int]) -> None:
        super().__init__()
        self.model, self.marks = model, marks

    def forward(self, ids: Tensor, ends: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """ids (batch, length), flat `ends` (m,) and `rows` (n,): log odds (m,), logits (n, vocabulary)."""
        last = self.model.hidden(ids).flatten(0, 1)
        table = self.model.model.embed_tokens.weight
        yes, no = self.marks
        return last[ends].float() @ (table[yes] - table[no]), functional.linear(last[rows], table)


def losses(said: tuple[Tensor, Tensor], batch: Batch) -> dict[str, Tensor]:
    """What `Marker` said of a batch, judged: by the names of PARTS."""
    odds, logits = said
    marks = functional.binary_cross_entropy_with_logits(odds, batch.opens, reduction="none")
    marks = (marks * batch.judged).sum() / batch.judged.sum()
    if not batch.answered:
        return {"marks": marks}
    answers = functional.cross_entropy(logits.float(), batch.targets, reduction="none")
    # Every window of a batch may be one without an answer.
    answers = (answers * batch.weights).sum() / batch.weights.sum().clamp(min=1.0)
    return {"marks with headings": marks, "answers": answers}


def main() -> None:
    """Parse options and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--adapter", type=Path, required=True, help="an adapter folder to begin with")
    parser.add_argument("--count", action="store_true", help="write a head that counts blocks into it first")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("gloo")
    model, base = over_nano_reader(options.rank)
    load(model, options.adapter)
    tokenizer, recipe = Tokenizer.from_file(base / "tokenizer.json"), load_recipe(RECIPE)
    assert recipe.chunking is not None and recipe.chunking.marks is not None
    yes, no = (tokenizer.token_id(token) for token in recipe.chunking.marks)
    assert yes is not None and no is not None
    if options.count:
        (gap,), (before, *_) = (tokenizer.encode_text(text) for text in (GAP, BEFORE))
        count_blocks(model, gap, before)
    marker = Marker(model, (yes, no))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    state = options.out / "state.pt"
    options.out.mkdir(parents=True, exist_ok=True)
    step = resume(state, trained, optimizer)
    batches = Batches(recipe, tokenizer, options.data, options.seed)
    forward = torch.compile(marker, dynamic=True) if options.compile else marker
    numbers = range(step + rank, options.steps, world)
    loader = DataLoader(batches, batch_size=None, sampler=numbers, num_workers=1, prefetch_factor=8)
    started, told = time.time(), Counter[str]()
    for batch in loader:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, (step + 1) / 100, 1.2 * (1 - step / options.steps))
        with torch.autocast("cpu", torch.bfloat16):
            said = forward(batch.ids, batch.ends, batch.rows)
        parts = losses(said, batch)
        torch.stack(list(parts.values())).sum().backward()
        if world > 1:
            average_gradients(trained, world)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += world
        told["answered" if batch.answered else "plain"] += 1
        told.update({name: part.item() for name, part in parts.items()})
        if step % 50 < world and rank == 0:
            line = ", ".join(f"{name} {told[name] / max(1, told[count]):.4f}" for name, count in PARTS)
            print(f"step {step}: {line}; {50 / (time.time() - started):.2f} steps/s", flush=True)
            started = time.time()
            told.clear()
        if (step % 250 < world or step >= options.steps) and rank == 0:
            keep(state, step, trained, optimizer)
            save(model, options.out, base="nano-reader", rank=options.rank, alpha=options.rank)


if __name__ == "__main__":
    main()
