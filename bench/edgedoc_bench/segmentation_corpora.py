"""Segmented documents from the two classic corpora as they are distributed: wiki-727k (wiki-50) and Choi's.

wiki-727k (Koshorek et al. 2018, https://github.com/koomri/text-segmentation): a file an article, any depth of folders;
a line `========,LEVEL,TITLE.` opens a section, every other line is a sentence. `***LIST***` stands for a list;
`***formula***` and `***codice***` within sentences for what was there. Its makers have already left out sections with
fewer than 2 sentences or 20 letters, half or more lists, 3 formulas or 2 code snippets, sentences of one word, and
articles with fewer than 3 or less than 20 % of such sections (wiki_thresholds.py); nothing of that is repeated here.
Their own loader cuts titles at the first full stop, which leaves "Louis." of "St. Louis." in the text, and drops the
first section whatever it is. Here a line is a line, and only a section called preface, or text before every
section, is a preface.

Choi's (2000): lines of `==========` around segments, every other line a sentence.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from edgedoc.errors import DocumentError
from edgedoc_bench.segmentation_document import Document

SECTION = re.compile(r"========,(\d+),(.*)")
CHOI = re.compile(r"={10,}")
PREFACE = "preface"
COARSE = 2
"""Low granularity: sections of level 1 and 2 count, deeper ones are text of theirs."""
LIST, TOKENS = "***LIST***", ("***formula***", "***codice***")


def articles(path: Path, *, high: bool = False, preface: bool = False) -> Iterator[Document]:
    """Documents of a file or of all files below a folder, in order of their names, those of one segment left out.

    Options as in `wiki`. Files without a separator line are passed over. Raises DocumentError when one cannot be read.
    """
    for file in _files(path):
        lines = _lines(file)
        name = str(file.relative_to(path)) if file != path else file.name
        if any(SECTION.match(line) for line in lines):
            found = wiki(name, lines, high=high, preface=preface)
        elif any(CHOI.fullmatch(line) for line in lines):
            found = choi(name, lines)
        else:
            continue
        if found is not None and len(found.boundaries) > 1:
            yield found


def is_corpus(file: Path) -> bool:
    """Whether a file has a separator line of either corpus. Raises DocumentError when it cannot be read."""
    return any(SECTION.match(line) or CHOI.fullmatch(line) for line in _lines(file))


def wiki(id: str, lines: list[str], *, high: bool = False, preface: bool = False) -> Document | None:
    """An article of wiki-727k; None when nothing is left of it.

    `high`: every section is a segment, not only levels 1 and 2. `preface`: keep the text before the first section as a
    segment. Lists are dropped, stand-ins for formulas and code taken out of their sentences, empty sections left out.
    """
    sections: list[tuple[str, list[str]]] = [(PREFACE, [])]
    for line in lines:
        match = SECTION.match(line)
        if match is None:
            sections[-1][1].append(line)
        elif high or int(match[1]) <= COARSE:
            sections.append((match[2].strip().removesuffix("."), []))
    kept = [
        (title, sentences)
        for title, found in sections
        if (preface or title != PREFACE) and (sentences := _sentences(found))
    ]
    return _document(id, [sentences for _, sentences in kept], tuple(title for title, _ in kept))


def choi(id: str, lines: list[str]) -> Document | None:
    """A file of Choi's; None when it has no sentence."""
    segments: list[list[str]] = [[]]
    for line in lines:
        if CHOI.fullmatch(line):
            segments.append([])
        elif line:
            segments[-1].append(line)
    return _document(id, [segment for segment in segments if segment], None)


def _document(id: str, segments: list[list[str]], titles: tuple[str, ...] | None) -> Document | None:
    items = tuple(sentence for segment in segments for sentence in segment)
    if not items:
        return None
    ends, last = [], -1
    for segment in segments:
        last += len(segment)
        ends.append(last)
    return Document(id=id, items=items, boundaries=tuple(ends), titles=titles, unit="sentence", joiner=" ")


def _sentences(lines: list[str]) -> list[str]:
    found = []
    for line in lines:
        if line.startswith(LIST):
            continue
        for token in TOKENS:
            line = line.replace(token, "")
        # What is left of a sentence that was all formula is its full stop.
        if any(character.isalnum() for character in line):
            found.append(" ".join(line.split()))
    return found


def _lines(file: Path) -> list[str]:
    """Lines without their ends and the blanks around; what is not UTF-8 becomes U+FFFD and costs no article."""
    try:
        text = file.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise DocumentError(f"{file} cannot be read: {error.strerror or error}.") from error
    # Not splitlines: it cuts at U+2028 and form feeds as well, which are part of a sentence.
    return [line.strip() for line in text.split("\n")]


def _files(path: Path) -> Iterator[Path]:
    """Lazily: there are 727,000 of them."""
    if path.is_file():
        yield path
        return
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))
