"""Topics and summaries for chunks, asked from a model one by one: training data for the topic and summary chunkers.

Resumable: what is labelled is not asked again. Knows no endpoint, no engine and no command line.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from edgedoc.errors import DocumentError, EngineError
from edgedoc_bench.annotate_file import LabelFile
from edgedoc_bench.annotate_prompt import MOST_REPLY, parse, prompt
from edgedoc_bench.segmentation_corpora import articles, is_corpus
from edgedoc_bench.segmentation_data import SUFFIXES, document, rows
from edgedoc_bench.segmentation_document import Document

GIVE_UP = 3
"""Chunks in a row for which the model could not be reached, after which the rest need not be tried."""

Ask = Callable[[str], str]
"""A request to the reply. DocumentError: this one failed; EngineError: perhaps all will."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A text to label, and where it is from: `index` counts the document's chunks from 0."""

    source: str
    index: int
    title: str | None
    text: str

    @property
    def hash(self) -> str:
        """Of the text alone: the same chunk from another place is the same work."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Chunks by what became of them. `known`: labelled by an earlier run, or the same text as another of this one."""

    labelled: int
    known: int
    failed: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def sections(source: Path) -> Iterator[Section]:
    """The chunks of an input, those without text left out.

    JSON lines: chunks as `edgedoc chunk` writes them (`text`, or with --json `chunks`), or documents with `sections`,
    or with `boundaries`; a file or folder of wiki-727k or Choi; any other file is one chunk. Raises DocumentError for
    what cannot be read.
    """
    found: Iterator[Section]
    if source.name.endswith(SUFFIXES):
        found = chain.from_iterable(_from_row(row, f"{source.name}:{number}") for number, row in rows(source))
    elif source.is_dir() or is_corpus(source):
        found = chain.from_iterable(map(_from_document, articles(source)))
    else:
        found = iter([Section(source=source.name, index=0, title=None, text=_text(source))])
    return (section for section in found if section.text.strip())


def annotate(
    wanted: Sequence[Section], ask: Ask, out: LabelFile, model: str, progress: Callable[[int, int], None]
) -> Outcome:
    """Ask for every chunk that `out` has no label of, and write each answer down at once.

    `progress` is told the chunks done and their number. A failure is written down with its reason, and asked again by
    the next run. Raises OutputError when nothing can be written, EngineError after GIVE_UP chunks in a row without a
    model to ask, and whatever else `ask` raises.
    """
    labelled = known = failed = unreached = 0
    progress(0, len(wanted))
    for done, section in enumerate(wanted, 1):
        if section.hash in out.labelled:
            known += 1
            progress(done, len(wanted))
            continue
        origin = {**asdict(section), "model": model}
        try:
            reply = ask(prompt(section.text))
            unreached = 0
        except (DocumentError, EngineError) as error:
            failed += 1
            out.append(section.hash, {**origin, "error": str(error)})
            unreached = unreached + 1 if isinstance(error, EngineError) else 0
            if unreached == GIVE_UP:
                raise EngineError(f"{error} What is labelled is kept: run the same command again to go on.") from error
            progress(done, len(wanted))
            continue
        label = parse(reply)
        if label is None:
            failed += 1
            told = "The reply holds no topic with a summary."
            out.append(section.hash, {**origin, "error": told, "reply": reply[:MOST_REPLY]})
        else:
            labelled += 1
            out.append(section.hash, {**origin, **asdict(label)}, labelled=True)
        progress(done, len(wanted))
    return Outcome(labelled=labelled, known=known, failed=failed)


def _from_row(row: dict[str, object], where: str) -> Iterator[Section]:
    if isinstance(text := row.get("text"), str):
        source, index = str(row.get("source") or row.get("id") or where), row.get("index")
        yield Section(source=source, index=index if isinstance(index, int) else 0, title=None, text=text)
    elif isinstance(chunks := row.get("chunks"), list):
        for chunk in chunks:
            yield from _from_row({"source": row.get("source") or where, **chunk}, where)
    elif "sections" in row or "boundaries" in row:
        yield from _from_document(document(row, where))
    else:
        raise DocumentError(f"{where} has neither text, sections nor boundaries.")


def _from_document(found: Document) -> Iterator[Section]:
    for index, text in enumerate(found.segments()):
        yield Section(source=found.id, index=index, title=found.titles[index] if found.titles else None, text=text)


def _text(source: Path) -> str:
    from edgedoc.documents.plain_text import decode
    from edgedoc.files import read

    return decode(read(str(source))).text
