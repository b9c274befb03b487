"""Random HTML pages with everything Markdown can say, and furniture it should not. Knows no Markdown, no model.

The HTML is messy on purpose (divs, classes, attributes, unclosed items, scripts): it goes through the same cleaner as a
real page before anything is learnt from it.
"""

import random
from html import escape

from lexicon import Lexicon

_LANGUAGES = ["python", "js", "bash", "json", "rust", "yaml", "html", "cpp", "go", "sql", "toml", "console"]

# Paragraph, heading, list, numbered list, code, table, quote, rule, image, definitions, aside.
_USUAL = (10, 3, 4, 1.5, 2, 2.2, 1.2, 0.4, 1, 0.6, 0.7)
_DENSE = (3, 2, 5, 8, 1.5, 6, 4, 0.5, 1, 1, 0.5)


class Page:
    """Generates one page of about `size` characters from `rng`.

    `dense`: mostly lists, tables and quotes of few words. What a model gets wrong last is structure (an item's number
    after a nested list, the columns of a ruler), and such a page asks for it several times as often.
    """

    def __init__(self, rng: random.Random, real: list[str], size: int, dense: bool = False) -> None:
        self.rng = rng
        self.lex = Lexicon(rng, real, terse=dense)
        self.size = size
        self.dense = dense

    def html(self) -> str:
        """The whole page."""
        rng = self.rng
        body: list[str] = []
        if rng.random() < 0.3:
            body.append(self.furniture("header" if rng.random() < 0.3 else "nav"))
        if rng.random() < 0.7:
            body.append(self.heading(1))
        weights = [rng.random() ** 2 * weight for weight in (_DENSE if self.dense else _USUAL)]
        blocks = [self.paragraph, lambda: self.heading(rng.randint(2, 4)), lambda: self.listing(0), lambda: self.listing(1), self.code,
                  self.table, self.quote, lambda: "<hr>", self.image, self.definitions, self.aside]  # fmt: skip
        while sum(map(len, body)) < self.size:
            body.append(rng.choices(blocks, weights)[0]())
        if rng.random() < 0.25:
            body.append(self.furniture("footer"))
        if rng.random() < 0.2:
            body.insert(rng.randrange(len(body)), f"<script>var x = '{self.lex.word()}';</script>")
        return "<div class='c'>".join(body) if rng.random() < 0.1 else rng.choice(["\n", "", "\n\n  "]).join(body)

    def inline(self, sentences: int) -> str:
        """Sentences with emphasis, links, code spans, images, line breaks, entities."""
        rng = self.rng
        parts: list[str] = []
        for _ in range(sentences):
            words = escape(self.lex.sentence(), quote=False).split(" ")
            while rng.random() < 0.3 and words:
                at = rng.randrange(len(words))
                span = " ".join(words[at : at + rng.randint(1, 3)])
                words[at : at + 3] = [self.mark(span), *words[at + span.count(" ") + 1 : at + 3]]
            parts.append(" ".join(words))
        return rng.choices([" ", "<br>", "\n  ", "&nbsp;"], [20, 1, 3, 0.5])[0].join(parts)

    def mark(self, text: str) -> str:
        """`text` in some inline element."""
        rng = self.rng
        tag = rng.choices(
            ["a", "strong", "em", "code", "b", "i", "del", "span", "sub"], [10, 5, 5, 8, 2, 2, 0.7, 2, 0.3]
        )[0]
        if "<" in text:
            return text
        if tag == "a":
            inner = (
                f"<{other}>{text}</{other}>"
                if rng.random() < 0.15 and (other := rng.choice(["code", "strong", "em"]))
                else text
            )
            return f'<a class="x" href="{escape(self.lex.url())}">{inner}</a>'
        if tag == "code" and rng.random() < 0.6:
            text = escape(self.lex.odd(), quote=False)
        return f"<{tag}>{text}</{tag}>"

    def paragraph(self) -> str:
        """A paragraph, in <p> or loose in a <div>."""
        rng = self.rng
        text = self.inline(rng.randint(1, 4))
        return rng.choices([f"<p>{text}</p>", f"<div>{text}</div>", f"<p class='l'>{text}"], [8, 1, 1])[0]

    def heading(self, level: int) -> str:
        """A heading, now and then with a permalink or markup in it."""
        text = escape(self.lex.phrase(1, 7), quote=False)
        if self.rng.random() < 0.12:
            text = self.mark(text)
        if self.rng.random() < 0.15:
            text += '<a class="headerlink" href="#x">¶</a>'
        return f"<h{level}>{text}</h{level}>"

    def listing(self, ordered: int, depth: int = 0, loose: float = 0.15) -> str:
        """A list, nested up to three deep, its items sometimes with paragraphs or code.

        As on real pages (700 of html_train: 9,807 lists, 22 mix the two kinds of item), the items of a list are loose,
        each with its paragraph, or tight; a tight one seldom holds code or a loose list.
        """
        rng = self.rng
        tag = "ol" if ordered else "ul"
        start = f' start="{rng.randint(2, 40)}"' if ordered and rng.random() < 0.15 else ""
        items: list[str] = []
        apart = rng.random() < loose
        for _ in range(rng.randint(1, 4) if depth else rng.randint(2, 7)):
            item = self.inline(1) if rng.random() < 0.5 else self.mark(escape(self.lex.phrase(), quote=False))
            if rng.random() < 0.15:
                item = self.mark(escape(self.lex.phrase(1, 3), quote=False)) + ": " + item
            item = f"<p>{item}</p>" if apart else item
            if depth < 2 and rng.random() < (0.3 if self.dense else 0.13):
                item += self.listing(rng.randrange(2), depth + 1, loose=0.5 if apart else 0.02)
            elif rng.random() < (0.1 if apart else 0.005):
                item += self.code()
            items.append(f"<li>{item}" + rng.choice(["</li>", "</li>\n", ""]))
        return f"<{tag}{start}>{''.join(items)}</{tag}>"

    def code(self) -> str:
        """A code block of lines with indentation and symbols; language known or not."""
        rng = self.rng
        lines: list[str] = []
        for _ in range(rng.randint(1, 8)):
            line = "  " * rng.choice([0, 0, 1, 1, 2]) + rng.choice(["{0} = {1}({2})", "{0}.{1} {2}", "if {0} < {1}: {2}", "$ {0} --{1} {2}", "# {0} {1} {2}",
                         '"{0}": "{1}",', "<{0} {1}='{2}'>", "{0}: {1}", "return {0}[{1}] + {2};", "}}", "{0} | {1} && {2}"]).format(
                             *(self.lex.odd() if rng.random() < 0.5 else self.lex.invented().lower() for _ in range(3)))  # fmt: skip
            lines.append("" if rng.random() < 0.06 else line)
        text = escape("\n".join(lines), quote=False)
        language = rng.choice(_LANGUAGES)
        return rng.choice([f"<pre>{text}</pre>", f"<pre><code>{text}\n</code></pre>", f'<pre><code class="language-{language}">{text}</code></pre>',
                           f'<div class="highlight-{language} notranslate"><div class="highlight"><pre><span></span>{text}\n</pre></div></div>'])  # fmt: skip

    def table(self) -> str:
        """A table with a header row, mostly."""
        rng = self.rng
        columns = rng.randint(2, 4)

        def row(cell: str) -> str:
            cells = (self.mark(escape(self.lex.phrase(1, 3), quote=False)) if rng.random() < 0.2
                     else "" if rng.random() < 0.04 and cell == "td" else escape(self.lex.phrase(1, 4), quote=False) for _ in range(columns))  # fmt: skip
            return "<tr>" + "".join(f"<{cell}>{text}</{cell}>" for text in cells) + "</tr>"

        head = row("th") if rng.random() < 0.85 else ""
        rows = "\n".join(row("td") for _ in range(rng.randint(1, 6)))
        return rng.choice(
            [f"<table>{head}{rows}</table>", f"<table class='t'><thead>{head}</thead><tbody>{rows}</tbody></table>"]
        )

    def quote(self) -> str:
        """A block quote of one or two paragraphs."""
        rng = self.rng
        return "<blockquote>" + "".join(f"<p>{self.inline(1)}</p>" for _ in range(rng.randint(1, 2))) + "</blockquote>"

    def image(self) -> str:
        """An image on its own, in a figure or in a link."""
        rng = self.rng
        image = f'<img width="9" src="{escape(self.lex.url())}" alt="{escape(self.lex.phrase(0, 4))}">'
        return rng.choice([f"<p>{image}</p>", f"<figure>{image}<figcaption>{escape(self.lex.phrase())}</figcaption></figure>",
                           f'<p><a href="{escape(self.lex.url())}">{image}</a></p>'])  # fmt: skip

    def definitions(self) -> str:
        """A definition list."""
        return (
            "<dl>"
            + "".join(
                f"<dt>{self.mark(self.lex.invented())}</dt><dd>{self.inline(1)}</dd>"
                for _ in range(self.rng.randint(1, 3))
            )
            + "</dl>"
        )

    def aside(self) -> str:
        """Something beside the text that Markdown leaves out."""
        return self.furniture(self.rng.choice(["aside", "nav"]))

    def furniture(self, tag: str) -> str:
        """Navigation, banner, footer or side bar: links and slogans to be left out."""
        rng = self.rng
        links = "".join(
            f'<li><a href="{escape(self.lex.url())}">{escape(self.lex.phrase(1, 3))}</a></li>'
            for _ in range(rng.randint(2, 6))
        )
        text = f"<p>{self.inline(1)}</p>"
        return f"<{tag}>{rng.choice([f'<ul>{links}</ul>', text, text + f'<ul>{links}</ul>', escape(self.lex.sentence())])}</{tag}>"
