"""What two models read side by side: pages in the recipe's prompt, followed by the deterministic converter's Markdown.

The answer is given, not generated, so that every model of a checkpoint sees the same tokens, whatever it would have
said itself. Knows no engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edgedoc.documents import rules
from edgedoc.documents.charset import decode
from edgedoc.documents.clean import clean
from edgedoc.documents.windows import windows
from edgedoc.recipes import Recipe
from edgedoc.tokens import Prompt, Tokenizer


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Token ids of one window. Row i of the logits of `tokens` says what follows token i.

    Rows before `answer_row` are about the prompt, those from it on about the answer and its end.
    """

    tokens: tuple[int, ...]
    answer_row: int

    @classmethod
    def of(cls, prompt: Iterable[int], answer: Iterable[int]) -> "Passage":
        """A prompt of at least one token and the answer to it, which may be empty."""
        before = tuple(prompt)
        return cls(tokens=(*before, *answer), answer_row=len(before) - 1)


def read(pages: Iterable[bytes], recipe: Recipe, tokenizer: Tokenizer, context: int) -> list[Passage]:
    """The pages' windows with their Markdown, each within `context` tokens; pages without text give none.

    Raises DocumentError for a page that is no text.
    """
    prompt = Prompt(recipe, tokenizer)
    # Half for the answer: Markdown is shorter than its HTML.
    budget = max(1, min(recipe.window, (context - prompt.overhead) // 2))
    passages = []
    for page in pages:
        for window in windows(clean(decode(page).text).html, budget, tokenizer.count):
            asked = prompt.render(window.html)
            answer = tokenizer.encode_text(rules.convert(window.html))
            passages.append(Passage.of(asked, answer[: context - len(asked)]))
    return passages
