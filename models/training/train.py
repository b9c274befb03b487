"""Trains nano-reader from scratch, resumable and seeded.

    python models/training/train.py --data pages.jsonl.gz --out FOLDER

Needs torch, which nothing else of edgedoc does. A run writes FOLDER/tokenizer.json, FOLDER/state.pt (to go on from)
and, at every checkpoint, FOLDER/model.safetensors with config and tokenizer: a checkpoint `edgedoc export` reads.
Matrices are trained with Muon (kellerjordan.github.io/posts/muon; torch.optim.Muon), the rest with AdamW; the rate is
constant, then falls to zero over the last `--decay` steps, so a run can be given more steps later and go on.
A step is a batch: `torchrun --nproc-per-node 2 models/training/train.py ...` takes two at a time, one a core.
"""

import argparse
import json
import os
import pickle
import random
import shutil
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from network import Qwen2, Shape
from numpy.typing import NDArray
from pairs import encode, real, synthetic, words_of
from safetensors.torch import load_file, save_file
from tokenizer import CONTROL, train, without_added
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

Example = tuple[NDArray[np.uint16], int]
BATCH_TOKENS = 8192
LENGTHS = (128, 192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 2048)
"""Sequences are padded to one of these: every new shape costs a new set of kernels."""
HELD_OUT = 1 << 40
"""Synthetic pages from this number on are never trained on."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class Batches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Batch number to (ids, flat answer positions, their targets); every batch follows from its number alone."""

    def __init__(self, tokenizer: Path, words: list[str], pool: list[Example], seed: int) -> None:
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.document = without_added(tokenizer)
        self.words, self.pool, self.seed = words, pool, seed

    def __len__(self) -> int:
        return 1 << 30

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = random.Random(self.seed * 1_000_003 + step)
        longest = 350 if step < 500 else 900 if step < 1200 else 2000
        if self.pool and rng.random() < (0.15 if step < 800 else 0.3):
            limit = len(self.pool) if step >= 1200 else len(self.pool) * (1 + step // 250) // 6
            return collate(self._real(rng.randrange(limit // 20, limit)))
        return collate(self._synthetic(rng, int(longest * rng.uniform(0.15, 1.0))))

    def _count(self, text: str) -> int:
        return len(self.document.encode(text, add_special_tokens=False).ids)

    def _real(self, last: int) -> list[Example]:
        size = BATCH_TOKENS // _bucket(len(self.pool[last][0]))
        return self.pool[max(0, last + 1 - size) : last + 1]

    def _synthetic(self, rng: random.Random, size: int) -> list[Example]:
        batch: list[Example] = []
        length = LENGTHS[0]
        while len(batch) < BATCH_TOKENS // length:
            pair = synthetic(rng.randrange(HELD_OUT), self.words, size, self._count)
            example = encode(pair, self.tokenizer, self.document)
            if example is None:
                continue
            needed = max(length, _bucket(len(example[0])))
            if len(batch) < BATCH_TOKENS // needed:
                batch.append(example)
                length = needed
        return batch


def collate(batch: list[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad on the right; only answer tokens are predicted. Positions are padded to full thousands with target -100."""
    length = _bucket(max(len(ids) for ids, _ in batch))
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    rows: list[Tensor] = []
    targets: list[Tensor] = []
    for index, (example, answer) in enumerate(batch):
        tokens = torch.from_numpy(example.astype(np.int64))
        ids[index, : len(tokens)] = tokens
        rows.append(torch.arange(answer - 1, len(tokens) - 1) + index * length)
        targets.append(tokens[answer:])
    missing = -sum(map(len, rows)) % 1024
    rows.append(torch.zeros(missing, dtype=torch.long))
    targets.append(torch.full((missing,), -100))
    return ids, torch.cat(rows), torch.cat(targets)


def _bucket(length: int) -> int:
    return next(size for size in LENGTHS if size >= length)


def prepare(data: Path, out: Path, seed: int) -> tuple[Path, list[str], list[Example]]:
    """Tokenizer, word list and pool of real windows sorted by length; made once, kept in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    words, tokenizer_path, cache = words_of(data), out / "tokenizer.json", out / "pool.pickle"
    if not tokenizer_path.exists():
        sample = [text for number in range(6000) for text in synthetic(HELD_OUT * 2 + number, words, 700, len)]
        untrained = Tokenizer.from_str(train(sample[:200], tokenizer_path).to_str())
        sample += [text for pair in real(data, untrained, seed)[:14_000] for text in pair]
        train(sample, tokenizer_path)
    if not cache.exists():
        tokenizer, document = Tokenizer.from_file(str(tokenizer_path)), without_added(tokenizer_path)
        pool = [example for pair in real(data, tokenizer, seed) if (example := encode(pair, tokenizer, document))]
        pool.sort(key=lambda example: len(example[0]))
        cache.write_bytes(pickle.dumps(pool))
    return tokenizer_path, words, pickle.loads(cache.read_bytes())


def save(model: Qwen2, out: Path, tokenizer: Path) -> None:
    """A checkpoint folder in the ecosystem's layout, weights in bfloat16."""
    weights = {name: parameter.detach().to(torch.bfloat16).contiguous() for name, parameter in model.named_parameters()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(model.shape.config(), indent=2) + "\n")
    tokens = {"eos_token": CONTROL[2], "pad_token": CONTROL[0], "bos_token": None, "add_bos_token": False}
    settings = {"tokenizer_class": "Qwen2Tokenizer", "model_max_length": 2048, "chat_template": CHAT_TEMPLATE, **tokens}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
    assert tokenizer == out / "tokenizer.json"


def average_gradients(parameters: list[torch.nn.Parameter], world: int) -> None:
    """The mean over all processes, in one exchange."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient) / world)


def main() -> None:
    """Parse options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="JSON lines, gzipped, with an `html` field: real pages"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--decay", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=Path, help="a checkpoint folder to begin with instead of random weights")
    parser.add_argument("--compile", action="store_true", help="torch.compile: two minutes once, a third faster after")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    # More threads than idle cores make every small operation wait for a barrier: 2 on a busy machine are 4 x slower.
    torch.set_num_threads(options.threads)
    if options.start and not (options.out / "tokenizer.json").exists():
        options.out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.start / "tokenizer.json", options.out / "tokenizer.json")
    tokenizer, words, pool = prepare(options.data, options.out, options.seed)
    model = Qwen2(Shape())
    if options.start:
        model.load_state_dict({name: w.float() for name, w in load_file(options.start / "model.safetensors").items()})
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=options.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("gloo")
    step, state = 0, options.out / "state.pt"
    if state.exists():
        saved = torch.load(state, weights_only=True)
        step = saved["step"]
        model.load_state_dict(saved["model"])
        for optimizer, content in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(content)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(pool):,} real windows, {len(words):,} words, "
        f"step {step}",
        flush=True,
    )
    forward = torch.compile(model, dynamic=True) if options.compile else model
    batches = Batches(tokenizer, words, pool, options.seed)
    numbers = range(step + rank, options.steps, world)
    loader = DataLoader(batches, batch_size=None, sampler=numbers, num_workers=1, prefetch_factor=8)
    started, tokens, hits, answers, losses = time.time(), 0, 0, 0, 0.0
    for ids, rows, targets in loader:
        rate = options.rate * min(1.0, (step + 1) / 100, (options.steps - step) / options.decay)
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward(ids, rows)
        loss = functional.cross_entropy(logits.float(), targets)
        loss.backward()
        if world > 1:
            average_gradients(list(model.parameters()), world)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += world
        tokens, losses = tokens + ids.numel(), losses + loss.item()
        hits, answers = hits + int((logits.argmax(-1) == targets).sum()), answers + int((targets >= 0).sum())
        if step % 50 < world and rank == 0:
            speed = tokens / (time.time() - started)
            print(
                f"step {step} loss {losses / 50 * world:.4f} accuracy {hits / answers:.4f} rate {rate:.5f} "
                f"{speed * world:,.0f} tok/s",
                flush=True,
            )
            started, tokens, hits, answers, losses = time.time(), 0, 0, 0, 0.0
        if (step % 250 < world or step >= options.steps) and rank == 0:
            content = {"step": step, "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
            torch.save(content, state.with_suffix(".new"))
            state.with_suffix(".new").replace(state)
            save(model, options.out, tokenizer)


if __name__ == "__main__":
    main()
