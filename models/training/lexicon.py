"""Words for synthetic pages: real ones, invented ones and strings no lexicon holds, in many scripts. Knows no HTML.

Variety is the point: a reader that has seen few words memorises them, one that has seen none twice learns to copy.
"""

import random
import string

_ONSETS = (
    "b c d f g h j k l m n p qu r s t v w x y z br ch cl cr dr fl gr kn pl pr sc sh sk sl sp st str th tr wh".split()
)
_VOWELS = "a e i o u y ai au ea ee ie io oa oo ou ue".split()
_CODAS = ["", "", "", *"b ck d ft g l ll m mp n nd ng nt p r rd rn rt s sh ss st t tch x".split()]
_ACCENTS = "áàâäãåæçéèêëíìîïñóòôöõøœßúùûüýÿčćđěğıłńňőřśşšťůűźžż"
_RANGES = {
    "cyrillic": (0x0430, 0x044F),
    "greek": (0x03B1, 0x03C9),
    "hebrew": (0x05D0, 0x05EA),
    "arabic": (0x0627, 0x064A),
    "devanagari": (0x0905, 0x0939),
    "thai": (0x0E01, 0x0E30),
    "hiragana": (0x3042, 0x3093),
    "katakana": (0x30A2, 0x30F3),
    "hangul": (0xAC00, 0xD7A3),
    "han": (0x4E00, 0x9FA5),
}
_UNSPACED = frozenset({"han", "hiragana", "katakana", "thai"})
_COMMON_HAN = "的一是不了人在有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"
_SYMBOLS = [
    "&",
    "<",
    ">",
    "*",
    "_",
    "#",
    "|",
    "`",
    "~",
    "[x]",
    "(a)",
    "{}",
    "$5",
    "%",
    "+",
    "=",
    "→",
    "©",
    "…",
    "—",
    "“ok”",
    "«», ",
    "😀",
    "✓",
    "™",
    "°C",
    "\\",
    "//",
    "::",
]


class Lexicon:
    """Draws words and sentences from `rng`; `real` are words of actual text (may be empty); `terse`: few at a time."""

    def __init__(self, rng: random.Random, real: list[str], terse: bool = False) -> None:
        self.rng = rng
        self.real = real
        self.terse = terse
        self.style = rng.choices(["real", "invented", "mixed", "foreign"], [40, 22, 28, 10])[0] if real else "invented"
        self.script = rng.choice([*_RANGES, "han", "han", "cyrillic"])

    def word(self) -> str:
        """One word of the page's style."""
        rng = self.rng
        style = self.style
        if style == "mixed":
            style = rng.choices(["real", "invented", "odd", "number", "foreign"], [45, 25, 14, 12, 4])[0]
        elif rng.random() < 0.07:
            style = rng.choice(["odd", "number", "odd", "invented"])
        if style == "real":
            return rng.choice(self.real)
        if style == "invented":
            return self.invented()
        if style == "number":
            return self.number()
        if style == "odd":
            return self.odd()
        return self.foreign()

    def invented(self) -> str:
        """A pronounceable word that means nothing."""
        rng = self.rng
        word = "".join(
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
            for _ in range(rng.choices([1, 2, 3, 4], [3, 5, 3, 1])[0])
        )
        if rng.random() < 0.05:
            at = rng.randrange(len(word))
            word = word[:at] + rng.choice(_ACCENTS) + word[at + 1 :]
        case = rng.random()
        return word.capitalize() if case < 0.15 else word.upper() if case < 0.18 else word

    def number(self) -> str:
        """Figures as they stand in text: counts, decimals, dates, versions, percentages."""
        rng = self.rng
        n = rng.randrange(10 ** rng.randint(1, 7))
        return rng.choice([str(n), f"{n:,}", f"{n / 100:.2f}", f"{n % 100}%", f"{1900 + n % 150}-{n % 12 + 1:02}-{n % 28 + 1:02}",
                           f"v{n % 10}.{n % 23}.{n % 7}", f"{n % 24:02}:{n % 60:02}", f"#{n}", f"${n:,}"])  # fmt: skip

    def odd(self) -> str:
        """An identifier, a hash, a path, a symbol: nothing a language model could guess."""
        rng = self.rng
        kind = rng.randrange(6)
        if kind == 0:
            return "_".join(self.invented().lower() for _ in range(rng.randint(2, 3)))
        if kind == 1:
            return self.invented().lower() + "".join(self.invented().capitalize() for _ in range(rng.randint(1, 2)))
        if kind == 2:
            return "".join(rng.choices("0123456789abcdef", k=rng.randint(4, 16)))
        if kind == 3:
            return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(3, 12)))
        if kind == 4:
            return rng.choice(_SYMBOLS)
        return self.invented().lower() + rng.choice([".", "/", "-", "@", ":", "()", "="]) + self.invented().lower()

    def foreign(self) -> str:
        """A word of the page's own non-Latin script."""
        rng = self.rng
        low, high = _RANGES[self.script]
        if self.script == "han":
            return "".join(
                rng.choice(_COMMON_HAN) if rng.random() < 0.8 else chr(rng.randint(low, high))
                for _ in range(rng.randint(1, 4))
            )
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8)))

    def words(self, low: int, high: int) -> list[str]:
        """Between `low` and `high` words."""
        return [self.word() for _ in range(self.rng.randint(low, min(high, low + 2) if self.terse else high))]

    def phrase(self, low: int = 1, high: int = 6) -> str:
        """Words as a title or link would have them."""
        return self.join(self.words(low, high))

    def join(self, words: list[str]) -> str:
        """Words joined as the script joins them."""
        return ("" if self.style == "foreign" and self.script in _UNSPACED else " ").join(words)

    def sentence(self) -> str:
        """A sentence with punctuation."""
        rng = self.rng
        words = self.words(3, 16)
        for _ in range(rng.choice([0, 0, 1, 2])):
            at = rng.randrange(len(words))
            words[at] += rng.choice([",", ",", ";", ":", " -"])
        if rng.random() < 0.1:
            at = rng.randrange(len(words))
            words[at] = rng.choice(['"{}"', "({})", "'{}'", "[{}]"]).format(words[at])
        text = self.join(words)
        end = (
            "。"
            if self.style == "foreign" and self.script in _UNSPACED
            else rng.choices([".", "?", "!", ":", ""], [12, 1, 1, 1, 1])[0]
        )
        return (text[:1].upper() + text[1:] if rng.random() < 0.8 else text) + end

    def url(self) -> str:
        """An address: relative, absolute, with fragment or query."""
        rng = self.rng
        path = "/".join(self.invented().lower() for _ in range(rng.randint(1, 3)))
        base = rng.choice(["", "/", "../", "https://", "https://www.", "http://"])
        host = (
            self.invented().lower() + rng.choice([".com/", ".org/", ".io/", ".net/", ".cn/"])
            if base.startswith("http")
            else ""
        )
        tail = rng.choice(
            [
                "",
                "",
                ".html",
                "/",
                ".md",
                f"#{self.invented().lower()}",
                f"?id={rng.randrange(9999)}&x={rng.randrange(99)}",
            ]
        )
        return base + host + path + tail
