"""Asks an artifact on this machine what `annotate_endpoint` asks a server: one user turn of ChatML. Knows no label."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType

from edgedoc.artifact import Artifact
from edgedoc.decoding.driver import run
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines import load
from edgedoc.engines.base import Engine
from edgedoc.errors import DocumentError
from edgedoc.recipes import Recipe
from edgedoc.tokens import Prompt, Tokenizer
from edgedoc_bench.annotate_endpoint import MOST_TOKENS

CHATML = """\
<|im_start|>system
You are a helpful assistant.<|im_end|>
<|im_start|>user
{document}<|im_end|>
<|im_start|>assistant
"""
"""Qwen2-Instruct's template, to which these checkpoints or their bases were trained."""
STOP = ("<|im_end|>", "<|endoftext|>")


class LocalModel:
    """A model on an engine, asked as a chat model. Use as a context manager, or call `close`."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, engine: Engine) -> None:
        """Raises ArtifactError when the tokenizer has no ChatML."""
        self.model = recipe.name
        self._penalty = recipe.decoding.repetition_penalty
        self._context = min(recipe.context, engine.context_length)
        self._prompt = Prompt(replace(recipe, prompt=CHATML, stop=STOP), tokenizer)
        self._tokenizer, self._engine = tokenizer, engine

    @classmethod
    def open(cls, path: Path, *, threads: int | None = None) -> "LocalModel":
        """Load an artifact folder. Raises what `Artifact.open`, the engine's `load` and the constructor raise."""
        artifact = Artifact.open(path)
        tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
        engine = load(artifact, context_length=artifact.recipe.context, threads=threads)
        return cls(artifact.recipe, tokenizer, engine)

    def ask(self, prompt: str) -> str:
        """The reply. Raises DocumentError when the request leaves no room for one, EngineError."""
        asked = self._prompt.render(prompt)
        room = self._context - len(asked)
        if room < 1:
            raise DocumentError(f"The chunk makes a prompt of {len(asked)} tokens; the model takes {self._context}.")
        generation = run(
            self._engine,
            asked,
            stop=self._prompt.stop_ids,
            budget=min(MOST_TOKENS, room),
            penalty=RepetitionPenalty(self._penalty) if self._penalty != 1.0 else None,
            guard=LoopGuard(asked),
        )
        return self._tokenizer.decode(generation.tokens)

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def __enter__(self) -> "LocalModel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
