"""Random HTML whose visible and hidden words are known: w1x, w2x ... are visible, h1x, h2x ... are not."""

import random

BLOCKS = [
    "div", "p", "ul", "ol", "li", "table", "tr", "td", "th", "blockquote", "pre", "section", "article", "dl", "dt",
    "dd", "h1", "h3", "figure", "main", "details", "summary", "form", "center", "x-card", "caption", "tbody",
]  # fmt: skip
REGIONS = ["nav", "header", "footer", "aside"]
INLINES = ["a", "b", "em", "i", "code", "span", "del", "sub", "font", "label", "x-icon", "q"]
HIDERS = [
    "<div hidden>", "<span aria-hidden='true'>", '<section style="color:red; display : none">',
    "<div style='visibility:hidden'>", "<template>", "<canvas>", "<select>", "<script>", "<style>", "<title>",
    "<noscript>", "<textarea>", "<nav hidden>",
]  # fmt: skip
LEAVES = {"script", "style", "title", "noscript", "textarea"}


class Tree:
    """HTML of random nesting. `sloppy` leaves end tags out, closes in the wrong order and opens comments."""

    def __init__(self, rng: random.Random, *, regions: bool = True, sloppy: float = 0.0, size: int = 40) -> None:
        self._rng, self._sloppy, self._left = rng, sloppy, size
        self._names = BLOCKS + INLINES * 2 + (REGIONS if regions else [])
        self.visible: list[str] = []
        self.hidden: list[str] = []
        parts: list[str] = []
        while self._left > 0:
            self._element(parts, 0, False)
        self.html = "".join(parts)

    def _word(self, parts: list[str], hidden: bool) -> None:
        words = self.hidden if hidden else self.visible
        words.append(f"{'h' if hidden else 'w'}{len(words) + 1}x")
        parts.append(self._rng.choice([" {} ", "\n{}\n", "{} ", " {}", "&lt; {} &amp;", "{} <br> "]).format(words[-1]))

    def _element(self, parts: list[str], depth: int, hidden: bool) -> None:
        rng = self._rng
        self._left -= 1
        hider = rng.random() < 0.12
        if hider:
            start = rng.choice(HIDERS)
            name = start[1:].split(">")[0].split(" ")[0]
        else:
            name = rng.choice(self._names)
            attributes = {"a": ' href="/x?a=1&b=2"', "ol": ' start="7"'}.get(name, rng.choice(["", "", ' class="c"']))
            start = f"<{name}{attributes}>"
        parts.append(start)
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            if rng.random() < 0.6 or depth > 60 or name in LEAVES:
                self._word(parts, hidden or hider)
            else:
                self._element(parts, depth + 1, hidden or hider)
        if hider or rng.random() >= self._sloppy:
            parts.append(f"</{name}>")
        elif rng.random() < 0.3:
            parts.append(rng.choice(["<!--", f"</{rng.choice(self._names)}>", "</p>", "&lt;/", "< "]))
