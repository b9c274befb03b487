"""The quality metrics there are: what each is called, which way is better and what it says. Computes none."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from edgedoc.errors import UsageError
from edgedoc.recipes import Task


@dataclass(frozen=True, slots=True)
class Metric:
    """`better` is +1 where more is better, -1 where less is, 0 where 1 is right and both sides are wrong."""

    name: str
    label: str
    task: Task
    better: int
    what: str
    gold: bool = True
    """Whether it needs a gold answer."""

    @property
    def against(self) -> bool:
        """Whether a difference to full precision says anything: not where the metric is one itself."""
        return self.name not in ("same", "agreement", "agreement_length")


_READER = (
    ("token_f1", "token F1", 1, "words of the author's Markdown, repeats counted, order not", True),
    ("rouge_l", "ROUGE-L", 1, "longest common subsequence of words, F1", True),
    ("levenshtein", "Levenshtein", 1, "similarity of the rendered text in characters", True),
    ("wer", "WER", -1, "word error rate; no upper limit, read the median", True),
    ("ter", "TER", -1, "Jina's token error rate: words that are nowhere in the page", False),
    ("headings", "headings", 1, "F1 on level and text", True),
    ("links", "links", 1, "F1 on text and target", True),
    ("invented_links", "invented links", -1, "share of targets that no link of the page has", False),
    ("lists", "lists", 1, "F1 on depth and text of the items", True),
    ("code", "code", 1, "F1 on whole blocks of code", True),
    ("tables", "tables", 1, "TEDS, mean over the tables of a page", True),
    ("repeated", "repeated", -1, "share of 10-word runs that were there before, beyond the gold's own", False),
    ("degenerate", "degenerate", -1, "pages more than a fifth of which repeats itself", False),
    ("truncated", "truncated", -1, "pages with a window that did not come to its end", False),
    ("same", "same as f32", 1, "pages that come out exactly as in full precision", False),
    ("agreement", "agreement", 1, "Levenshtein similarity with full precision's Markdown", False),
    ("agreement_length", "agrees for", 1, "share of full precision's Markdown before the first difference", False),
)
_CHUNKER = (
    ("pk", "Pk", -1, "windows whose ends are wrongly called same or different segments", True),
    ("window_diff", "WindowDiff", -1, "windows with a wrong number of boundaries", True),
    ("boundary_similarity", "B", 1, "boundary similarity, n_t = 2: near misses count half", True),
    ("boundary_f1", "F1", 1, "of the boundaries, exact", True),
    ("boundary_f1_near", "F1 ±1", 1, "of the boundaries, one item off allowed", True),
    ("segment_ratio", "segments", 0, "chunks per true segment; 1 is right", True),
    ("cuts_inside", "mid-item cuts", -1, "share of the cuts inside a sentence or paragraph", False),
    ("size_compliance", "size", 1, "share of the chunks of at most 2,000 characters", False),
    ("block_integrity", "whole blocks", 1, "share of code blocks, tables and lists that are in one chunk", False),
    ("head_match", "heads found", 1, "share of the heads the model named that are in the text", False),
    ("truncated", "truncated", -1, "texts with a window that did not come to its end", False),
    ("same", "same as f32", 1, "texts that are cut exactly as in full precision", False),
    ("agreement", "agreement", 1, "F1 of the cuts with full precision's", False),
)
METRICS = {
    Task.READER: {row[0]: Metric(row[0], row[1], Task.READER, *row[2:]) for row in _READER},
    Task.CHUNKER: {row[0]: Metric(row[0], row[1], Task.CHUNKER, *row[2:]) for row in _CHUNKER},
}
"""By task and name, in the order of a table."""

MAIN = {Task.READER: "token_f1", Task.CHUNKER: "boundary_similarity"}
"""The one a plot shows and a recommendation ranks by.

Token F1 is what other tables of page converters report. Of the chunk metrics B alone gives neither who cuts nowhere nor
who cuts everywhere a good mark.
"""


def metric(name: str, task: Task) -> Metric:
    """The metric of a name. Raises UsageError (did you mean)."""
    check_names([name], METRICS[task], "metric")
    return METRICS[task][name]


def check_names(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises UsageError for a name that is not known, with the nearest one."""
    there = list(known)
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(there)}."
            raise UsageError(f"There is no {what} {name!r}. {hint}")
