"""How much of a text another text holds, in words. Knows no HTML and no Markdown beyond letters and digits."""

import re
import unicodedata
from collections import Counter

# A run of letters and digits, or a single character of a script written without spaces.
_WORD = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


def words(text: str) -> Counter[str]:
    """The words of `text`, case folded, with their counts."""
    return Counter(word_list(text))


def word_list(text: str) -> list[str]:
    """The words of `text`, case folded, in order."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def share_found(wanted: Counter[str], held: Counter[str]) -> float:
    """Share (0 to 1) of the words of `wanted`, repeats counted, that `held` has; 1.0 where nothing is wanted."""
    total = wanted.total()
    return (wanted & held).total() / total if total else 1.0
