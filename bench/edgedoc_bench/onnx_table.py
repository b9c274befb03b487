"""The ONNX figures with their targets, as rows and as a page. Computes from what was measured; measures nothing."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

PEER_MISSING = "peer not measured"
MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Median of repeated measurements with the 10th and 90th percentile and their number, in the samples' unit."""

    median: float
    p10: float
    p90: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Summary":
        """Summarise at least one sample."""
        cuts = statistics.quantiles(samples, n=10, method="inclusive") if len(samples) > 1 else [samples[0]] * 9
        return cls(median=statistics.median(samples), p10=cuts[0], p90=cuts[-1], samples=len(samples))

    def text(self, digits: int) -> str:
        """ "median (p10-p90)" with that many decimals."""
        return f"{self.median:.{digits}f} ({self.p10:.{digits}f}-{self.p90:.{digits}f})"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure and what it should be: at most `target`, or at least where `at_least`. None: it was not measured."""

    figure: str
    found: Summary | None
    target: float
    at_least: bool = False
    digits: int = 2
    beside: str = ""
    """The peer's figure, or the two that the ratio is of."""

    @property
    def met(self) -> bool | None:
        """Whether the median is as it should be; None where nothing was measured."""
        if self.found is None:
            return None
        return self.found.median >= self.target if self.at_least else self.found.median <= self.target

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        bound = "at least" if self.at_least else "at most"
        found = None if self.found is None else asdict(self.found)
        return {"figure": self.figure, "found": found, "bound": bound, "target": self.target, "met": self.met}


def ratio(times: Sequence[Sequence[float | None]]) -> Summary | None:
    """How many times as fast as the peer's ours is, round by round; None without a peer."""
    pairs = [peer / ours for ours, peer in times if ours is not None and peer is not None]
    return Summary.of(pairs) if pairs else None


def growth(steps: dict[str, Sequence[Sequence[float | None]]], side: int) -> dict[str, Summary]:
    """T(k)/T(1) of side 0 (ours) or 1 (peer), round by round; empty where that side was not measured."""
    found = {}
    for length, times in steps.items():
        pairs = [(time[side], one[side]) for time, one in zip(times, steps["1"], strict=True)]
        samples = [many / one for many, one in pairs if many is not None and one is not None]
        if samples:
            found[length] = Summary.of(samples)
    return found


def rows(presets: dict[str, dict[str, Any]]) -> list[Row]:
    """The figures of the presets that were measured; see `onnx_bench.measure` for what a preset holds."""
    table: list[Row] = []
    if "int4" in presets:
        four = presets["int4"]
        timing = four["timing"]
        table += [
            _size("int4: folder without tokenizer, MB", four, 325),
            _ratio("int4: decode, times the peer", timing["decode"], 1.05, 1),
            _ratio("int4: prefill of 512, times the peer", timing["prefill"], 1.2, 512),
            _ratio("int4: step of 8 tokens, times the peer", timing["steps"]["8"], 1.0, 8),
            Row(
                figure="int4: peak memory at 4k context, MB",
                found=_megabytes([four["memory"]["ours"]]),
                target=560,
                digits=0,
                beside=_peer_megabytes(four["memory"].get("peer")),
            ),
            Row(figure="int4: export, s", found=_spread(four["export"]["seconds"]), target=30, digits=1),
            Row(
                figure="int4: peak memory of the export, MB",
                found=_megabytes(four["export"]["peak_memory"]),
                target=1200,
                digits=0,
            ),
        ]
    if "int8" in presets:
        eight = presets["int8"]
        timing = eight["timing"]
        peer = growth(timing["steps"], 1).get("12")
        table += [
            _size("int8: folder without tokenizer, MB", eight, 640),
            _ratio("int8: prefill of 512, times the peer", timing["prefill"], 1.1, 512),
            _ratio("int8: decode, times the peer", timing["decode"], 0.95, 1),
            Row(
                figure="int8: step of 12 tokens over step of 1",
                found=growth(timing["steps"], 0)["12"],
                target=1.6,
                beside=PEER_MISSING if peer is None else f"peer {peer.text(2)}",
            ),
        ]
    return table


def page(presets: dict[str, dict[str, Any]], head: Sequence[str], foot: str) -> str:
    """The Markdown report: `head` and `foot` say what was measured and where."""
    table = rows(presets)
    lengths = list(next(iter(presets.values()))["timing"]["steps"])
    return "\n".join(
        [
            "# ONNX artifacts next to onnxruntime-genai's graphs",
            "",
            *head,
            "",
            "| figure | found: median (p10-p90) | samples | beside | target | met |",
            "|---|---|---|---|---|---|",
            *(_line(row) for row in table),
            "",
            "What a step of k tokens costs, T(k)/T(1), with the logits of all k, behind 512 tokens:",
            "",
            f"| k | {' | '.join(lengths)} |",
            f"|---|{'---|' * len(lengths)}",
            *(
                f"| {name} {who} | {' | '.join(f'{costs[length].median:.2f}' for length in lengths)} |"
                for name, preset in presets.items()
                for side, who in enumerate(("ours", "peer"))
                if (costs := growth(preset["timing"]["steps"], side))
            ),
            "",
            foot,
            "",
        ]
    )


def _line(row: Row) -> str:
    bound = ">=" if row.at_least else "<="
    found = PEER_MISSING if row.found is None else row.found.text(row.digits)
    samples = "" if row.found is None else str(row.found.samples)
    met = {True: "yes", False: "NO", None: ""}[row.met]
    return f"| {row.figure} | {found} | {samples} | {row.beside} | {bound} {row.target:g} | {met} |"


def _ratio(figure: str, times: Sequence[Sequence[float | None]], target: float, tokens: int) -> Row:
    sides = ((name, [pair[side] for pair in times]) for side, name in enumerate(("ours", "peer")))
    rates = [
        f"{name} {tokens / statistics.median([t for t in seconds if t is not None]):.1f} tokens/s"
        for name, seconds in sides
        if None not in seconds
    ]
    return Row(figure=figure, found=ratio(times), target=target, at_least=True, beside=", ".join(rates))


def _size(figure: str, preset: dict[str, Any], target: float) -> Row:
    beside = _peer_megabytes(preset.get("peer_bytes"))
    return Row(figure=figure, found=_megabytes([preset["bytes"]]), target=target, digits=0, beside=beside)


def _peer_megabytes(count: int | None) -> str:
    return PEER_MISSING if count is None else f"peer {count / MEGABYTE:.0f} MB"


def _megabytes(counts: Sequence[int | None]) -> Summary | None:
    return _spread([count / MEGABYTE for count in counts if count is not None])


def _spread(samples: Sequence[float]) -> Summary | None:
    return Summary.of(samples) if samples else None
