"""Reads what a chunker wrote freely: heads, topics, summaries. Never raises on a model's output; knows no document.

Formats: `CHUNK i: head`; `### TOPICS:` and `### CHUNKS:`; `CHUNK i` with `SUMMARY:` and `HEAD:` (see the recipes).
Small models leave out an index, write a head again, or stop in the middle of a line.
"""

import re
from dataclasses import dataclass

LINE = re.compile(r"\W{0,8}(CHUNK|TOPIC|SUMMARY|HEAD)S?\b[ \t]*\[?(\d{1,6})?\]?[ \t]*(:?)[ \t]*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answered:
    """One chunk of an answer. `head` is the beginning of its text, as the model has it."""

    head: str
    topic: str | None = None
    summary: str | None = None


def parse(text: str) -> list[Answered]:
    """Chunks in the order they were written; a head that is written twice in a row counts once.

    Topics belong to chunks by index where both have one, by order elsewhere. Lines of no known form are skipped.
    """
    topics: dict[int, str] = {}
    found: list[Answered] = []
    number: int | None = None
    summary: str | None = None
    for line in text.splitlines():
        match = LINE.fullmatch(line.strip())
        if match is None:
            continue
        word, index, colon, rest = match[1].upper(), match[2], match[3], match[4].strip()
        if word == "TOPIC" and rest:
            topics[int(index) if index else len(topics)] = rest
        elif word == "SUMMARY" and colon and rest:
            summary = rest
        elif word == "CHUNK":
            number = int(index) if index else None
            if not (colon and rest):
                # The summary model's form: the head follows on a line of its own.
                summary = None
        head = rest if colon and word in ("CHUNK", "HEAD") else ""
        if head and not (found and found[-1].head == head):
            order = len(found) + min(topics, default=0)
            found.append(Answered(head, topics.get(order if number is None else number), summary))
            number, summary = None, None
    return found
