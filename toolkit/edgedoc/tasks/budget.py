"""How long a window of a document may be, so that its prompt and its answer fit the context. Knows recipes only."""

from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe

SMALLEST_WINDOW = 128
"""Document tokens. Below it nearly every block is cut, and the model sees no context: memory that short is refused."""


def context_needed(recipe: Recipe, overhead: int, window: int) -> int:
    """Positions of a window with its prompt and output budget; never more than the model was trained on."""
    return min(recipe.context, overhead + window + recipe.decoding.budget(window))


def contexts(recipe: Recipe, overhead: int) -> tuple[int, int]:
    """Positions for the recipe's own window, and the fewest that will do. `overhead`: see `window_budget`."""
    least = min(SMALLEST_WINDOW, recipe.window)
    return context_needed(recipe, overhead, recipe.window), context_needed(recipe, overhead, least)


def window_budget(recipe: Recipe, overhead: int, context: int) -> int:
    """Document tokens a window may hold so that its whole output budget fits the context as well.

    `overhead` is the prompt's length without a document. Raises UsageError when there is no room for a window.
    """
    available = min(context, recipe.context)
    low, high = 0, recipe.window
    while low < high:
        middle = (low + high + 1) // 2
        fits = overhead + middle + recipe.decoding.budget(middle) <= available
        low, high = (middle, high) if fits else (low, middle - 1)
    if low < min(SMALLEST_WINDOW, recipe.window):
        raise UsageError(
            f"A context of {available} tokens leaves no room for a window. Allow more memory or a longer context."
        )
    return low
