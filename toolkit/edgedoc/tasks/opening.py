"""What every task does with its model: load it for the recipe's windows, and close it. Knows no documents."""

import importlib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from edgedoc.artifact import Artifact
from edgedoc.engines import ENGINES, load
from edgedoc.engines.base import Engine
from edgedoc.engines.memory import MemoryPlan
from edgedoc.tasks.budget import contexts
from edgedoc.tokens import Prompt, Tokenizer


class Closing(ABC):
    """Owns what has to be freed. Use as a context manager, or call `close`."""

    @abstractmethod
    def close(self) -> None:
        """Free it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OnEngine(Closing):
    """Owns an engine."""

    engine: Engine

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()


def open_engine(
    artifact: Artifact,
    *,
    threads: int | None,
    provider: str | None,
    memory_limit: int | None,
    sequences: int = 1,
) -> tuple[Tokenizer, Engine]:
    """Tokenizer and engine of an artifact; short of memory (`memory_limit`, bytes) sequences get fewer, then shorter.

    Raises what `Tokenizer.from_file`, `Prompt` and the engine's `load` raise.
    """
    tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
    wanted, least = contexts(artifact.recipe, Prompt(artifact.recipe, tokenizer).overhead)
    engine = load(
        artifact,
        context_length=wanted,
        minimum_context=least,
        threads=threads,
        provider=provider,
        memory_limit=memory_limit,
        sequences=sequences,
    )
    return tokenizer, engine


def plan_engine(artifact: Artifact, *, sequences: int = 1) -> MemoryPlan:
    """What `open_engine` would take of this machine's memory, as its loading computes it; loads nothing.

    Raises what `Tokenizer.from_file`, `Prompt` and the engine's `plan` raise.
    """
    tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
    wanted, least = contexts(artifact.recipe, Prompt(artifact.recipe, tokenizer).overhead)
    entry = ENGINES[str(artifact.format)]
    together = {"sequences": sequences} if entry.batches else {}
    plan: MemoryPlan = importlib.import_module(entry.module).plan(
        artifact.model_path, context_length=wanted, minimum_context=least, **together
    )
    return plan
