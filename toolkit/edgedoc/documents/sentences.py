"""Where sentences start, in any script, by rules. Knows no blocks and no language beyond a list of abbreviations.

A terminator, closing quotes, white space (none after the full stops of Chinese and Japanese), and something a sentence
may start with. A missed start costs a possible cut, a wrong one a cut in a sentence: in doubt there is none.
"""

import re
import unicodedata
from collections.abc import Iterator

# Sentence terminators (Unicode's Sentence_Terminal) of the scripts in use today; those of the second run need no space.
_SPACED = ".!?…‼⁇⁈⁉؟۔।॥։።፧။៕܀᠃᱿"
_UNSPACED = "。！？｡．"
_END = re.compile(
    rf"(?<![{_SPACED}{_UNSPACED}])[{_SPACED}{_UNSPACED}]++"
    r"(?P<closers>[\"'”’»›」』】）〉》\)\]}*_~`]*+)(?P<space>\s*+)"
)
_OPENERS = "\"'“‘„«‹「『【（〈《([{*_~`¿¡—–->#"
_STARTS = frozenset({"Lu", "Lt", "Lo", "Lm", "Nd", "Nl", "No", "So", "Sc"})
_WORD_BEFORE = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*\Z")
_DOTTED = re.compile(r"[^\W\d_]{1,2}(?:\.[^\W\d_]{1,2})+")
_LOOK_BACK = 40

# Written with a full stop and, as a rule, not at the end of a sentence; lower case. English, German, French, Spanish,
# Italian, Portuguese, Dutch. What contains a full stop itself, such as "e.g.", needs no entry.
_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "jr", "sr", "rev", "gen", "col", "lt", "sgt", "capt", "gov", "sen",
    "hon", "pres", "vs", "ed", "eds", "approx", "ca", "cf", "al", "inc", "ltd", "co", "corp", "dept", "univ", "jan",
    "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "bzw", "ggf", "evtl", "inkl", "exkl",
    "vgl", "hrsg", "str", "tel", "geb", "hl", "mio", "mrd", "mme", "mlle", "av", "sra", "srta", "ud", "uds", "ej",
    "dott", "avv", "ing", "dhr", "mevr", "bijv", "resp",
})  # fmt: skip
# Words of their own as well: abbreviations before a number only.
_BEFORE_NUMBERS = frozenset({
    "no", "nos", "fig", "figs", "vol", "vols", "p", "pp", "ch", "chap", "sec", "eq", "eqs", "ref", "refs", "rep", "nr",
    "abb", "kap", "bd", "jh", "art", "abs", "pág", "págs", "núm", "pag", "cap", "blz", "sig",
})  # fmt: skip


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Positions inside (`start`, `end`) at which a sentence starts, ascending: at its first character, not before it.

    White space belongs to the sentence before. Linear time.
    """
    # Who writes no capitals at all starts sentences without them.
    small = text[start:end].islower()
    for ending in _END.finditer(text, start, end):
        position = ending.end()
        if position < end and _ends(text, ending, start) and may_start(text, position, end, small):
            yield position


def _ends(text: str, ending: re.Match[str], start: int) -> bool:
    """Whether the terminators end a sentence, by what stands before and right behind them."""
    terminators = text[ending.start() : ending.start("closers")][-2:]
    if terminators[-1] in _UNSPACED:
        return True
    if not ending["space"]:
        return False
    return terminators != "." or not _is_abbreviation(text, ending, start)


def _is_abbreviation(text: str, ending: re.Match[str], start: int) -> bool:
    """Whether a full stop belongs to the word before it: "Dr.", "U.S.", "J. Smith", "1. Introduction"."""
    stop = ending.start()
    found = _WORD_BEFORE.search(text, max(start, stop - _LOOK_BACK), stop)
    if found is None:
        return False
    word = found[0].lower()
    if word.replace(".", "").isdigit():
        # A number that is all there is before the full stop, in its line or after another sentence, counts an item.
        before = text[max(start, found.start() - 2) : found.start()]
        if not before.strip() or before[-1] in "\r\n":
            return True
        previous = _WORD_BEFORE.search(text, max(start, found.start() - _LOOK_BACK), found.start() - 2)
        known = previous is not None and previous[0].lower() in _ABBREVIATIONS | _BEFORE_NUMBERS
        return before[0] in _SPACED and not known
    if word in _BEFORE_NUMBERS and text[ending.end() : ending.end() + 1].isdigit():
        return True
    initial = len(word) == 1 and found[0].isupper() and word != "i"
    return initial or word in _ABBREVIATIONS or _DOTTED.fullmatch(word) is not None


def may_start(text: str, position: int, end: int, small: bool) -> bool:
    """Whether a sentence may start here: not with a lower-case letter, a combining mark or punctuation."""
    for place in range(position, min(end, position + 8)):
        character = text[place]
        if character in _OPENERS or (place > position and character in " \t"):
            continue
        category = unicodedata.category(character)
        return category in _STARTS or (small and category == "Ll")
    return False
