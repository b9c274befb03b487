"""What a loaded model will hold in memory, and the choice among ways to load it. Knows no format and loads nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgedoc.engines.host import available_memory
from edgedoc.errors import NotEnoughMemoryError

DEFAULT_CONTEXT = 8192


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Bytes a loaded model will hold, beyond the interpreter itself. `available` is None where the system hides it.

    `context_length` is what each of the `sequences` has; `kv_cache` counts all of them.
    """

    weights: int
    kv_cache: int
    buffers: int
    context_length: int
    kv_type: str
    sequences: int = 1
    available: int | None = None

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv_cache + self.buffers


def first_fitting(plans: Iterable[MemoryPlan], limit: int | None) -> MemoryPlan:
    """The first of `plans`, best first, that fits into `limit` bytes or, without one, into this machine.

    Raises NotEnoughMemoryError with the figures of the smallest when none fits.
    """
    available = available_memory() if limit is None else limit
    tried = []
    for plan in plans:
        tried.append(replace(plan, available=available))
        if available is None or plan.total <= available:
            return tried[-1]
    raise NotEnoughMemoryError(_refusal(min(tried, key=lambda plan: plan.total), limit is not None))


def _refusal(plan: MemoryPlan, limited: bool) -> str:
    def megabytes(count: int) -> str:
        return f"{count / 1e6:,.0f} MB"

    bound = "the memory limit is" if limited else "this machine has available"
    return (
        f"The model needs {megabytes(plan.total)} (weights {megabytes(plan.weights)}, {plan.kv_type} KV cache "
        f"{megabytes(plan.kv_cache)} for {_tokens(plan)}, buffers {megabytes(plan.buffers)}) and "
        f"{bound} {megabytes(plan.available or 0)}. Free some memory, allow a shorter context, or export a smaller "
        "preset (int4) or model."
    )


def _tokens(plan: MemoryPlan) -> str:
    each = f"{plan.context_length} tokens"
    return each if plan.sequences == 1 else f"{plan.sequences} x {each}"
