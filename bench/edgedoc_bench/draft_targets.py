"""What the drafts have to bring, and whether they did. Computes from the cells of the draft bench; measures nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgedoc_bench.draft_bounds import Bound, bound
from edgedoc_bench.draft_cells import CARD, DECODING, EVERY, FLYING, LLAMA, MAIN, OURS, TURNS, Contender
from edgedoc_bench.draft_pairs import Answers, Ratio, rate, ratio, same, speed, total

Cells = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure and the least it should be. `found` is None where its cell was not measured."""

    figure: str
    found: Ratio | float | None
    least: float
    beside: str = ""
    bound: str = ""
    """What bounds it, and the share of the limit that was reached."""

    @property
    def value(self) -> float | None:
        """What counts: of a ratio the smaller of median and totals."""
        return self.found.worst if isinstance(self.found, Ratio) else self.found

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        return None if self.value is None else self.value >= self.least

    def verdict(self) -> str:
        """ "yes", or by how much it was missed."""
        if self.value is None:
            return "not measured"
        return "yes" if self.met else f"NO, {1 - self.value / self.least:.1%} short"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        found = asdict(self.found) if isinstance(self.found, Ratio) else self.found
        told = {"beside": self.beside, "bound": self.bound}
        return {"figure": self.figure, "found": found, "least": self.least, "met": self.met, **told}


def targets(cells: Cells, prompts: Sequence[int]) -> list[Target]:
    """All of them, in the order of the issue that set them; `prompts` has the tokens of every window's prompt."""
    return [*_decoding(cells, prompts), *_pages(cells), *_identical(cells), *_wrong(cells, prompts)]


def answers_of(cells: Cells, contender: Contender, cell: str) -> Answers:
    """In that cell, or else of the same windows in the cell that has them all; [] where neither was measured."""
    for name, every in ((cell, 1), ("decode", EVERY[cell])):
        found: Answers = cells.get(name, {}).get("answers", {}).get(contender.name, [])
        if found:
            return found[::every]
    return []


def identical(cells: Cells, contender: Contender, cell: str, *, single: bool = False) -> tuple[int, int] | None:
    """How many of how many answers are those of plain greedy decoding of the same file; None where there are none.

    With --exact plain decoding goes in steps of the same unit; `single` compares with steps of one token all the same.
    By ids, or by text where the contender does not tell its ids.
    """
    answers = answers_of(cells, contender, cell)
    drafts = "off, --exact" if contender.drafts.endswith("exact") and not single else "off"
    plain = answers_of(cells, Contender(OURS, contender.artifact, drafts), cell)
    if not answers or not plain:
        return None
    return same(answers, plain, "text" if contender.who == LLAMA else "ids"), len(plain)


def bound_of(cells: Cells, prompts: Sequence[int], contender: Contender, cell: str) -> Bound | None:
    """What bounded its decoding in that cell; None where the costs of steps were not measured."""
    if "costs" not in cells:
        return None
    artifact, bandwidth = cells["costs"]["artifacts"][contender.artifact], cells["costs"]["bandwidth"]
    return bound(answers_of(cells, contender, cell), prompts[:: EVERY[cell]], artifact, bandwidth)


def _decoding(cells: Cells, prompts: Sequence[int]) -> Iterable[Target]:
    on = [one for one in DECODING if one.drafts == "on" and answers_of(cells, one, "decode")]
    ours, theirs = [one for one in on if one.who == OURS], [one for one in on if one.who != OURS]
    best = max(ours, key=lambda one: rate(answers_of(cells, one, "decode")), default=None)
    rival = max(theirs, key=lambda one: rate(answers_of(cells, one, "decode")), default=None)
    plain = next(one for one in DECODING if one.who == LLAMA and one.drafts == "off")
    yield _against(cells, prompts, "decode", "decode tokens/s, our best over create_completion", best, plain, 5.0)
    yield _against(cells, prompts, "decode", "the same over the better of the peers' n-gram drafts", best, rival, 1.8)
    for artifact, least in (("onnx int8", 4.0), ("gguf q4_0", 2.0)):
        on_drafts, off = (Contender(OURS, artifact, drafts) for drafts in ("on", "off"))
        yield _against(cells, prompts, "decode", f"{artifact}, drafts on over off", on_drafts, off, least)


def _against(
    cells: Cells,
    prompts: Sequence[int],
    cell: str,
    figure: str,
    one: Contender | None,
    other: Contender | None,
    least: float,
) -> Target:
    if one is None or other is None or cell not in cells:
        return Target(figure=figure, found=None, least=least)
    ours, theirs = answers_of(cells, one, cell), answers_of(cells, other, cell)
    found = ratio(ours, theirs)
    beside = f"{one.name}: {rate(ours):.1f}; {other.name}: {rate(theirs):.1f}"
    told = ""
    if (mine := bound_of(cells, prompts, one, cell)) and (its := bound_of(cells, prompts, other, cell)):
        most = mine.limit / its.limit
        told = f"{mine.kind}: T(k) of both allows {most:.2f}, {found.totals / most:.0%} reached"
    return Target(figure=figure, found=found, least=least, beside=beside, bound=told)


def _pages(cells: Cells) -> Iterable[Target]:
    answers = cells.get("pages", {}).get("answers")
    figure = "pages/s, raw HTML in, Markdown out, our best over transformers float32 on raw HTML"
    if answers is None:
        yield Target(figure=figure, found=None, least=20.0)
    else:
        best = max((Contender(OURS, name, "on").name for name in MAIN), key=lambda name: speed(answers[name]))
        beside = f"{best}: {speed(answers[best]):.3f}; transformers: {speed(answers[CARD]):.4f}"
        found, told = ratio(answers[best], answers[CARD], speed), _reading(answers[best])
        yield Target(figure=figure, found=found, least=20.0, beside=beside, bound=told)
    flight = cells.get("flight", {}).get("answers")
    figure = f"pages/s, {FLYING} in flight over one, drafts on"
    if flight is None:
        yield Target(figure=figure, found=None, least=1.3)
    else:
        alone, together = flight.values()
        beside = f"{FLYING * speed(together):.2f} over {FLYING * speed(alone):.2f}"
        found, told = ratio(together, alone, speed), _reading(alone)
        yield Target(figure=figure, found=found, least=1.3, beside=beside, bound=told)


def _reading(answers: Answers) -> str:
    """Prompts are arithmetic, which neither drafts nor company shorten."""
    share = total(answers, "prefill_seconds") / total(answers, "seconds")
    return f"prefill takes {share:.0%} of ours: at most {1 / share:.1f} x faster with free decoding"


def _identical(cells: Cells) -> Iterable[Target]:
    for figure, drafts, least in (("with --exact", "on, --exact", 1.0), ("without --exact", "on", 0.99)):
        contenders = [(one, cell) for cell in TURNS for one in TURNS[cell] if (one.who, one.drafts) == (OURS, drafts)]
        counts = [found for one, cell in contenders if (found := identical(cells, one, cell)) is not None]
        equal, of = sum(count for count, _ in counts), sum(count for _, count in counts)
        beside = f"{equal} of {of}, {len(counts)} artifacts"
        singles = [found for one, cell in contenders if (found := identical(cells, one, cell, single=True)) is not None]
        if drafts != "on" and singles:
            beside += f"; {sum(count for count, _ in singles)} also to plain steps of one token"
        yield Target(
            figure=f"windows identical to plain greedy, {figure}",
            found=equal / of if of else None,
            least=least,
            beside=beside,
        )


def _wrong(cells: Cells, prompts: Sequence[int]) -> Iterable[Target]:
    for artifact in MAIN:
        misled, off = (Contender(OURS, artifact, drafts) for drafts in ("wrong", "off"))
        yield _against(cells, prompts, "wrong", f"{artifact}, drafts that are always wrong over off", misled, off, 0.97)
