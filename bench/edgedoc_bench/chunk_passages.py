"""What two chunkers read side by side: a text in the recipe's prompt, and an answer that cuts every block.

The answer is given, as in `passages`; topic and summary of a chunk are its own first words. Knows no engine.
"""

from collections.abc import Iterable, Sequence

from edgedoc.documents import rules
from edgedoc.documents.blocks import blocks
from edgedoc.documents.boundaries import Strength, candidates
from edgedoc.documents.charset import decode
from edgedoc.documents.clean import clean
from edgedoc.documents.flat import Flat
from edgedoc.recipes import Mode, Recipe
from edgedoc.tasks.spans import span_end
from edgedoc.tokens import Prompt, Tokenizer
from edgedoc_bench.passages import Passage


def read_chunked(pages: Iterable[bytes], recipe: Recipe, tokenizer: Tokenizer, context: int) -> list[Passage]:
    """The windows of the pages' Markdown with their answers, as in `read_texts`.

    Raises DocumentError for a page that is no text.
    """
    return read_texts((rules.convert(clean(decode(page).text).html) for page in pages), recipe, tokenizer, context)


def read_texts(texts: Iterable[str], recipe: Recipe, tokenizer: Tokenizer, context: int) -> list[Passage]:
    """The texts' windows with their answers, each within `context` tokens; texts of blanks give none."""
    assert recipe.chunking is not None and recipe.mode is not None
    prompt = Prompt(recipe, tokenizer)
    budget = max(1, min(recipe.window, (context - prompt.overhead) // 2))
    passages = []
    for text in texts:
        places = [place.position for place in candidates(text, blocks(text)) if place.strength >= Strength.BLOCK]
        start = 0
        while text[start:].strip():
            end = span_end(text, start, [place for place in places if place > start], budget, tokenizer.count)
            flat = Flat(text, start, end)
            asked = prompt.render(flat.text if recipe.chunking.collapse else text[start:end].rstrip())
            inside = [start, *(place for place in places if start < place < end)]
            heads = [flat.head(place, recipe.chunking.head) for place in inside]
            answer = tokenizer.encode_text(answer_of(recipe.mode, heads))
            passages.append(Passage.of(asked, answer[: context - len(asked)]))
            start = end
    return passages


def answer_of(mode: Mode, heads: Sequence[str]) -> str:
    """An answer in the form of a mode that starts a chunk at each head."""
    if mode is Mode.SUMMARY:
        return "".join(f"CHUNK {i}\nSUMMARY: {head}\nHEAD: {head}\n" for i, head in enumerate(heads))
    chunks = "".join(f"CHUNK {i}: {head}\n" for i, head in enumerate(heads))
    if mode is Mode.SIMPLE:
        return chunks
    topics = "".join(f"TOPIC {i}: {head}\n" for i, head in enumerate(heads))
    return f"### TOPICS:\n{topics}### CHUNKS:\n{chunks}"
