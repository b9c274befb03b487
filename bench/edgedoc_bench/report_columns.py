"""The columns of the report's first table: what each cell costs, and how closely it follows full precision.

A column is a title, the figure of an entry and how it is written. Knows no HTML and no Markdown.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgedoc_bench.report_rows import Entry, Group, number

MONEY = {"cloud": "cloud", "owned": "own machine", "energy": "energy alone"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """`better`: +1 more, -1 less, 0 neither. `ratio`: whether the share of full precision's is worth a bracket."""

    title: str
    figure: Callable[[Entry], float | None]
    text: Callable[[float], str]
    better: int
    note: str
    ratio: bool = False


def columns(group: Group) -> list[Column]:
    """Those in which an entry of the group has a figure."""
    return [column for column in (*_COST, *_money(group), *_FIDELITY) if _used(column, group.entries)]


def _used(column: Column, entries: Sequence[Entry]) -> bool:
    return any(column.figure(entry) is not None for entry in entries if entry.measured)


def _money(group: Group) -> list[Column]:
    found = []
    for convention, name in MONEY.items():
        rows = [entry.money[convention] for entry in group.entries if convention in entry.money]
        currency = str(rows[0]["currency"]) if rows else ""
        found.append(
            Column(
                title=f"{currency}/1000 documents, {name}",
                figure=lambda entry, of=convention: number(entry.money.get(of, {}), "per_1000_documents"),  # type: ignore[misc]
                text=significant,
                better=-1,
                note=f"measured wall time at the {name} price of the price file",
                ratio=True,
            )
        )
    return found


def significant(value: float) -> str:
    """Three digits that count, no exponent."""
    if value == 0:
        return "0"
    digits = min(9, max(0, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{digits}f}"


def mega(value: float) -> str:
    """Bytes as millions of them."""
    return f"{value / 1e6:,.1f}" if value < 1e8 else f"{value / 1e6:,.0f}"


def percent(value: float) -> str:
    """A share."""
    return f"{value:.1%}" if value < 0.9995 else f"{value:.2%}"


def _of(*path: str) -> Callable[[Entry], float | None]:
    return lambda entry: number(entry.summary, *path)


def _fidelity(name: str) -> Callable[[Entry], float | None]:
    return lambda entry: number(entry.fidelity, name)


_COST = (
    Column(
        title="file MB", figure=lambda e: e.file_bytes, text=mega, better=-1, note="model with its data", ratio=True
    ),
    Column(
        title="bits/weight",
        figure=lambda entry: number(entry.artifact, "bits_per_weight"),
        text=lambda value: f"{value:.2f}",
        better=-1,
        note="real, all tensors counted",
    ),
    Column(
        title="peak MB",
        figure=lambda entry: entry.peak_memory,
        text=mega,
        better=-1,
        note="resident memory of the process, its highest",
        ratio=True,
    ),
    Column(title="load s", figure=lambda e: e.load_seconds, text=significant, better=-1, note="model and tokenizer"),
    Column(
        title="first token s",
        figure=_of("first_token", "p50"),
        text=significant,
        better=-1,
        note="from the document to the first token of its answer, median",
    ),
    Column(
        title="prefill tok/s",
        figure=_of("prefill_tokens_per_second", "median"),
        text=significant,
        better=1,
        note="tokens read a second, median over rounds",
        ratio=True,
    ),
    Column(
        title="decode tok/s",
        figure=_of("decode_tokens_per_second", "median"),
        text=significant,
        better=1,
        note="tokens written a second, median over rounds",
        ratio=True,
    ),
    Column(
        title="s/document",
        figure=lambda entry: entry.seconds,
        text=significant,
        better=-1,
        note="median over documents of each one's median over rounds",
        ratio=True,
    ),
    Column(title="p95 s", figure=lambda e: e.slow_seconds, text=significant, better=-1, note="the slow documents"),
    Column(
        title="drafts taken",
        figure=_of("acceptance"),
        text=percent,
        better=1,
        note="drafted tokens that the model agreed with",
    ),
    Column(
        title="of bandwidth",
        figure=_of("bandwidth_share"),
        text=percent,
        better=1,
        note="share of what this machine's memory allows a decode step",
    ),
    Column(
        title="J/document",
        figure=_of("joules_per_document"),
        text=significant,
        better=-1,
        note="measured energy, idle included",
        ratio=True,
    ),
)
_FIDELITY = (
    Column(
        title="same tokens",
        figure=_fidelity("top1_agreement"),
        text=lambda value: f"{value:.2%}",
        better=1,
        note="answer tokens that full precision of the same checkpoint holds likeliest too",
    ),
    Column(
        title="KL nats",
        figure=_fidelity("kl_mean"),
        text=significant,
        better=-1,
        note="divergence from full precision a token, mean",
    ),
    Column(
        title="KL p99",
        figure=_fidelity("kl_p99"),
        text=significant,
        better=-1,
        note="the same at the 99th percentile",
    ),
    Column(
        title="perplexity x",
        figure=_fidelity("perplexity_ratio"),
        text=lambda value: f"{value:.4f}",
        better=0,
        note="perplexity of the text over full precision's",
    ),
    Column(
        title="agrees for",
        figure=_fidelity("agreement_share"),
        text=percent,
        better=1,
        note="share of a window's answer before the first token that differs",
    ),
    Column(
        title="heads found",
        figure=_fidelity("match_rate"),
        text=percent,
        better=1,
        note="heads written freely that are in the text",
    ),
    Column(
        title="in order",
        figure=_fidelity("order_rate"),
        text=percent,
        better=1,
        note="heads in the text that come in its order",
    ),
    Column(
        title="fallback",
        figure=_fidelity("fallback_rate"),
        text=percent,
        better=-1,
        note="windows with a head that was not found, which published code cuts at fixed lengths",
    ),
)
