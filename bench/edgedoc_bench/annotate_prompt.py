"""What a large model is asked about a chunk, and what is read out of its reply. Knows no endpoint and no file.

The prompt that gave Jina's topic and summary models their labels, which wiki-727k has none of; quoted in an article
about these models. `# {text} #` and the request not to quote are part of it.
"""

import json
import re
from dataclasses import dataclass

PROMPT = """\
Generate a five to ten words topic and a one sentence summary for this chunk of text.
# {text} #
Make sure the topic is concise and the summary covers the main topic as much as possible.
Please respond in the following format: # Topic: ... Summary: ... #
Directly respond with the required topic and summary, do not include any other details, and do not surround your \
response with quotes, backticks or other separators."""

MOST_REPLY = 20_000
"""Characters of a reply that are looked at; two sentences are asked for."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_NAMES = re.compile(
    r"(?<![\w*_#\"'`])(?:[-•*]\s+)?[*_#\"'`]*+(topic|summary)[*_\"'`]*+\s{0,9}[:：][*_\"'`]*+", re.IGNORECASE
)
_AROUND = " \t\r\n#*_`\"'“”„«»,;{}[]()"


@dataclass(frozen=True, kw_only=True)
class Label:
    """One line each."""

    topic: str
    summary: str


def prompt(text: str) -> str:
    """The request for a chunk, which may say anything, braces included."""
    return PROMPT.replace("{text}", text, 1)


def parse(reply: str) -> Label | None:
    """The label in a reply, or None when topic or summary is missing. Raises nothing, whatever the reply is.

    Takes what models make of the format: JSON, Markdown emphasis, quotes, lines in any order, a preamble, thoughts
    before the answer. Said twice, the last counts, since a preamble may repeat the format.
    """
    reply = _THOUGHT.sub("", reply[:MOST_REPLY])
    found = _from_json(reply) or {}
    if not found:
        names = [match for match in _NAMES.finditer(reply) if _is_name(match, reply)]
        for match, following in zip(names, [*names[1:], None], strict=False):
            if said := _tidy(reply[match.end() : following.start() if following else None]):
                found[match[1].lower()] = said
    topic, summary = (found.get(name, "") for name in ("topic", "summary"))
    return Label(topic=topic, summary=summary) if _says(topic) and _says(summary) else None


def _is_name(match: re.Match[str], reply: str) -> bool:
    """Whether it names a part: in small letters within a line it is a word of the answer, "on the topic: ..."."""
    return match[1][0].isupper() or not reply[: match.start()].rpartition("\n")[2].strip(_AROUND)


def _from_json(reply: str) -> dict[str, str] | None:
    start, end = reply.find("{"), reply.rfind("}")
    try:
        found = json.loads(reply[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {str(name).lower(): _tidy(said) for name, said in found.items() if isinstance(said, str)}


def _tidy(said: str) -> str:
    """One line without what surrounds it. A paragraph after the answer is not part of it."""
    line = " ".join(said.strip(_AROUND).split("\n\n")[0].split()).strip(_AROUND)
    # A bracket that was opened inside is closed inside.
    return line + ")" if line.count("(") == line.count(")") + 1 else line


def _says(part: str) -> bool:
    """Whether there is a word in it: "..." repeats the format."""
    return any(character.isalnum() for character in part)
