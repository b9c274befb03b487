"""What every task does with its model: load it for the recipe's windows, and close it. Knows no documents."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self, cast

from edgedoc.artifact import Artifact
from edgedoc.engines import ENGINES, load
from edgedoc.engines.adapted import AdaptedEngine
from edgedoc.engines.base import AdapterEngine, Engine
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


def open_adapted(
    family: Sequence[Artifact], *, threads: int | None, provider: str | None, memory_limit: int | None
) -> tuple[Tokenizer, AdapterEngine, list[AdaptedEngine]]:
    """Tokenizer and one engine for what several adapters make of one artifact, and the engine each of them sees.

    That has the context `open_engine` would give it, so that it answers as it would alone. Raises what `open_engine`
    raises.
    """
    tokenizer = Tokenizer.from_file(family[0].tokenizer_path)
    needs = [contexts(one.recipe, Prompt(one.recipe, tokenizer).overhead) for one in family]
    plans = [_plan(one, need, memory_limit=memory_limit) for one, need in zip(family, needs, strict=True)]
    engine = load(
        family[0],
        context_length=max(wanted for wanted, _ in needs),
        minimum_context=max(least for _, least in needs),
        threads=threads,
        provider=provider,
        memory_limit=memory_limit,
        adapters={str(one.adapter): one.adapter_path for one in family if one.adapter_path is not None},
    )
    shared = cast(AdapterEngine, engine)
    views = [
        AdaptedEngine(shared, str(one.adapter), plan.context_length) for one, plan in zip(family, plans, strict=True)
    ]
    return tokenizer, shared, views


def plan_engine(artifact: Artifact, *, sequences: int = 1) -> MemoryPlan:
    """What `open_engine` would take of this machine's memory, as its loading computes it; loads nothing.

    Raises what `Tokenizer.from_file`, `Prompt` and the engine's `plan` raise.
    """
    tokenizer = Tokenizer.from_file(artifact.tokenizer_path)
    need = contexts(artifact.recipe, Prompt(artifact.recipe, tokenizer).overhead)
    return _plan(artifact, need, sequences=sequences)


def _plan(
    artifact: Artifact, need: tuple[int, int], *, sequences: int = 1, memory_limit: int | None = None
) -> MemoryPlan:
    wanted, least = need
    entry = ENGINES[str(artifact.format)]
    together = {"sequences": sequences} if entry.batches else {}
    plan: MemoryPlan = importlib.import_module(entry.module).plan(
        artifact.model_path, context_length=wanted, minimum_context=least, memory_limit=memory_limit, **together
    )
    return plan
