"""The report on levels of cleaning: a table a kind of page, and which level is the best trade. Measures nothing."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from edgedoc.catalogue import align
from edgedoc.documents.cleaning import DEFAULT, Cleaning
from edgedoc_bench.bootstrap import Interval, paired_difference
from edgedoc_bench.cleaning_scores import Answer, Score
from edgedoc_bench.spread import Spread
from edgedoc_bench.text_scores import Overlap

LEAST_PAGES = 10
"""Pages of a kind below which it has no say in the verdict."""
MOST_LOST = 0.01
"""Share of the gold that a level may lose beyond what the default loses, in any kind of page, to be a better trade."""

LEGEND = f"""Gold lost: share of the gold's runs of five words that `{Cleaning.MARKUP}` shows and the level cut, of all
the kind's pages. F1, recall and precision: words of the rules' Markdown of what is left, means over pages; below,
nano-reader's answers, with the rules standing in where it fails. Tokens are nano-reader's. Times are ratios to
`{DEFAULT}`, page by page, the levels in turns: median (lowest-highest). nano-reader was trained at `{DEFAULT}`."""

_HEAD = ("", "tokens/page", "saved", "windows", "gold lost", "pages losing 1 %", "F1", "recall", "precision")
_ASKED = ("", "pages", "prompt tokens", "flagged", "prefill time", "time", "F1", "recall", "precision")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What was measured on the pages of one kind; `raw` is each page's HTML in tokens, as it came."""

    name: str
    raw: Sequence[int]
    scores: Sequence[Mapping[Cleaning, Score]]
    answers: Sequence[Mapping[Cleaning, Answer]]

    def saved(self, level: Cleaning) -> float:
        """Share of the default's tokens that a level saves, negative where it costs more."""
        return 1 - self._sum(level, lambda score: score.tokens) / max(1, self._sum(DEFAULT, lambda score: score.tokens))

    def lost(self, level: Cleaning) -> float:
        """Share of the gold's runs that the level cut."""
        return self._sum(level, lambda score: score.lost_runs) / max(1, self._sum(level, lambda score: score.gold_runs))

    def gain(self, level: Cleaning) -> Interval:
        """F1 of the rules' Markdown against that at the default."""
        return paired_difference(
            [page[level].rules.f1 for page in self.scores], [page[DEFAULT].rules.f1 for page in self.scores]
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON: sums over pages, and means of what lies between 0 and 1."""
        return {
            "kind": self.name,
            "pages": len(self.scores),
            "raw_tokens": sum(self.raw),
            "levels": {level: self._level_dict(level) for level in Cleaning},
            "pages_asked": len(self.answers),
            "answers": {level: self._answers_dict(level) for level in Cleaning if self.answers},
        }

    def text(self) -> str:
        """For people."""
        lines = [_HEAD, ("raw HTML", f"{statistics.fmean(self.raw):,.0f}", *[""] * (len(_HEAD) - 2))]
        lines += [self._scored(level) for level in Cleaning]
        gains = [f"{level} {self.gain(level).text(3)}" for level in Cleaning if level is not DEFAULT]
        parts = [f"## {self.name}, {len(self.scores)} pages", "", *_table(lines)]
        parts += ["", f"F1 against `{DEFAULT}`, mean (95 %): {'; '.join(gains)}"]
        if self.answers:
            parts += ["", "nano-reader:", "", *_table([_ASKED, *(self._asked(level) for level in Cleaning)])]
        return "\n".join(parts)

    def _sum(self, level: Cleaning, of: Callable[[Score], int]) -> int:
        return sum(of(page[level]) for page in self.scores)

    def _level_dict(self, level: Cleaning) -> dict[str, object]:
        scores = [page[level] for page in self.scores]
        sums = ("characters", "tokens", "windows", "seconds", "gold_runs", "lost_runs")
        return {
            **{name: sum(getattr(score, name) for score in scores) for name in sums},
            "saved": self.saved(level),
            "lost": self.lost(level),
            "rules": _means([score.rules for score in scores]),
            "f1_against_default": asdict(self.gain(level)),
        }

    def _answers_dict(self, level: Cleaning) -> dict[str, object]:
        answers = [page[level] for page in self.answers]
        sums = ("windows", "flagged", "prompt_tokens", "output_tokens", "prefill_seconds", "seconds")
        return {
            **{name: sum(getattr(answer, name) for answer in answers) for name in sums},
            "words": _means([answer.words for answer in answers]),
        }

    def _scored(self, level: Cleaning) -> tuple[str, ...]:
        scores = [page[level] for page in self.scores]
        return (
            str(level),
            f"{statistics.fmean(score.tokens for score in scores):,.0f}",
            f"{self.saved(level):.0%}",
            f"{statistics.fmean(score.windows for score in scores):.1f}",
            f"{self.lost(level):.2%}",
            str(sum(score.lost_runs > MOST_LOST * score.gold_runs for score in scores)),
            *(f"{mean:.3f}" for mean in _means([score.rules for score in scores]).values()),
        )

    def _asked(self, level: Cleaning) -> tuple[str, ...]:
        answers = [page[level] for page in self.answers]
        usual = [page[DEFAULT] for page in self.answers]
        pairs = [(one, other) for one, other in zip(answers, usual, strict=True) if other.prefill_seconds > 0]
        return (
            str(level),
            str(len(answers)),
            f"{sum(answer.prompt_tokens for answer in answers):,}",
            f"{sum(answer.flagged for answer in answers)} of {sum(answer.windows for answer in answers)}",
            Spread.of([one.prefill_seconds / other.prefill_seconds for one, other in pairs]).text(2) if pairs else "",
            Spread.of([one.seconds / other.seconds for one, other in pairs]).text(2) if pairs else "",
            *(f"{mean:.3f}" for mean in _means([answer.words for answer in answers]).values()),
        )


def verdict(kinds: Sequence[Kind]) -> list[str]:
    """A line a level other than the default: what it trades for what. The last line names the best trade."""
    counted = [kind for kind in kinds if len(kind.scores) >= LEAST_PAGES]
    if not counted:
        return [f"no verdict: no kind has {LEAST_PAGES} pages"]
    lines, best = [], DEFAULT
    for level in Cleaning:
        if level is DEFAULT:
            continue
        saved = [kind.saved(level) for kind in counted]
        against = [
            f"{kind.name} (gold lost {kind.lost(level):.1%} instead of {kind.lost(DEFAULT):.1%}, F1 "
            f"{kind.gain(level).text(3)})"
            for kind in counted
            if kind.lost(level) - kind.lost(DEFAULT) > MOST_LOST or kind.gain(level).high < 0
        ]
        size = (
            f"costs {-max(saved):.0%} to {-min(saved):.0%} more tokens than `{DEFAULT}`"
            if max(saved) <= 0
            else f"saves {min(saved):.0%} to {max(saved):.0%} of the tokens of `{DEFAULT}`"
        )
        lines.append(f"`{level}` {size}; against it: {', '.join(against) or 'no kind of page'}")
        if not against and min(saved) >= 0:
            best = level
    return [*lines, f"best trade that no kind of page speaks against: `{best}`; the default is `{DEFAULT}`"]


def page(kinds: Sequence[Kind], head: Sequence[str], foot: str) -> str:
    """The Markdown report; `head` and `foot` say what was measured and where."""
    verdicts = "\n".join(f"- {line}" for line in verdict(kinds))
    return "\n\n".join(["# Levels of cleaning", *head, LEGEND, verdicts, *(kind.text() for kind in kinds), foot]) + "\n"


def _means(overlaps: Sequence[Overlap]) -> dict[str, float]:
    return {
        name: statistics.fmean(getattr(overlap, name) for overlap in overlaps) for name in ("f1", "recall", "precision")
    }


def _table(lines: Sequence[tuple[str, ...]]) -> list[str]:
    return ["```", align(lines, right=frozenset(range(1, len(lines[0])))), "```"]
