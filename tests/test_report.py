"""The report: complete, offline, true to the results, and in words where a tool without a model is better."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc.errors import UsageError
from edgedoc_bench import report, report_html, report_markdown, results
from edgedoc_bench.report_columns import significant
from edgedoc_bench.report_facts import conclusions, missing
from edgedoc_bench.report_rows import Entry, groups
from edgedoc_bench.report_tables import context_table, cost_table, memory_table, quality_table
from edgedoc_bench.results import Writer
from edgedoc_bench.verdicts import baseline_sentences, loss_sentences, verdict

VOID = {"meta", "br", "circle", "rect", "path", "img"}


class Checker(HTMLParser):
    """Collects what is left open, and every address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of `bench_results`, with prices."""
    return write_results(tmp_path, prices=True)


def test_the_page_is_one_file_that_needs_no_network(folder: Path) -> None:
    html = report.write(folder).read_text("utf-8")
    checker = Checker()
    checker.feed(html)

    assert checker.open == [] and checker.addresses == []
    assert not re.search(r"https?://|@import|url\(", html)
    assert html.count("<script>") == html.count("<style>") == 1


def test_both_reports_say_what_was_measured_where_and_what_was_not(folder: Path) -> None:
    html = report.write(folder)
    for text in (html.read_text("utf-8"), html.with_suffix(".md").read_text("utf-8")):
        for wanted in (
            *("Testing Engine", "numpy 2.0", "11 documents", "2026-11-23", "edgedoc bench quick"),
            *("openvino is not installed", "no counters here", "EUR/1000 documents, cloud"),
            *("onnx int8", "Runner-up", "trafilatura", "token F1", "1.00 s a document"),
        ):
            assert wanted.replace("'", "&#x27;") in text or wanted in text, wanted


def test_there_is_a_plot_for_every_cost_and_kind(folder: Path) -> None:
    html = report_html.page(results.read(folder), groups(results.read(folder)))

    # Agreement and two kinds, each against money, seconds, file and memory.
    assert html.count('<svg class="plot"') == 3 * 4
    assert html.count("on the frontier: ") == 3 * 4


def test_without_agreements_the_reports_say_so_and_draw_none(folder: Path) -> None:
    found = results.read(folder)
    found.header["metrics"] = ["speed"]
    (group,) = groups(found)
    entries = tuple(replace(entry, fidelity={}) for entry in group.entries)
    html = report_html.page(found, [replace(group, entries=entries)])

    assert html.count('<svg class="plot"') == 2 * 4
    for text in (html, report_markdown.page(found, [replace(group, entries=entries)])):
        text = text.replace("&quot;", '"').replace("&#x27;", "'")
        assert "To ship" not in text and "Fastest for the reader" in text and 'Add "fidelity" to metrics' in text
        assert 'Quality is unknown: nobody asked for it. Add "quality" to metrics.' in text


def test_figures_are_beside_those_of_full_precision(folder: Path) -> None:
    (group,) = groups(results.read(folder))
    table = cost_table(group)
    rows = dict(table.rows)
    titles = [title for title, _ in table.head]
    size = rows["gguf int8"][titles.index("file MB")]

    assert (size.text, size.remark) == ("3.6", "0.28 x")
    assert rows["gguf int4"][titles.index("s/document")].best
    assert [rows[name][titles.index("heads found")].text for name in ("gguf f32", "gguf int4")] == ["100.00%", "85.0%"]
    assert rows["gguf f32"][titles.index("same tokens")].text == "", "with itself"
    assert not rows["rules"][titles.index("s/document")].best
    assert rows["openvino-genai"][0].text == "skipped: openvino is not installed"
    assert "joules" not in " ".join(titles), "a column without a figure is left out"
    assert memory_table(group) is context_table(results.read(folder)) is None


def test_memory_below_the_plan_leaves_no_rest(folder: Path) -> None:
    (group, *_) = groups(results.read(folder))
    plan = {"weights": 60_000_000, "kv_cache": 10_000_000, "buffers": 10_000_000, "context_length": 2048}
    above, below = (replace(group.models[0], memory=plan, peak_memory=peak) for peak in (90_000_000, 70_000_000))

    def rest(*entries: Entry) -> tuple[list[str], tuple[str, ...]]:
        table = memory_table(replace(group, entries=entries))
        assert table is not None
        place = [title for title, _ in table.head].index("the rest MB")
        return [cells[place].text for _, cells in table.rows], table.notes

    assert rest(above) == (["10.0"], ())
    texts, notes = rest(above, below)
    assert texts == ["10.0", ""] and "below the plan" in notes[0]


def test_it_is_said_when_a_tool_without_a_model_is_better(folder: Path) -> None:
    (group,) = groups(results.read(folder))
    sentences = baseline_sentences(group)

    assert verdict(group) == (
        "Without a model: by token F1, the best of the tools that are no models beats every model on article and "
        "thread. It is 500 times as fast. Of thread there are fewer than 5 documents: too few to be sure."
    )
    assert sentences[0].startswith(
        f"article, 8 documents: rules 0.974, {MODEL} gguf int8 0.903 token F1; model less tool -0.070"
    )
    assert "model less tool" not in sentences[1] and "too few documents for an interval" in sentences[1]


def test_it_is_said_why_there_are_no_intervals(folder: Path) -> None:
    (group,) = groups(results.read(folder))

    article, thread = (quality_table(group, kind) for kind in ("article", "thread"))
    assert article.notes[1].startswith("In brackets: difference") and "fewer than 5 documents" in article.notes[1]
    assert thread.notes[1].startswith("No differences to full precision are given, since fewer than 5 documents")
    few = [
        replace(entry, quality=tuple(row for row in entry.quality if row["document_kind"] == "thread"))
        for entry in group.entries
    ]
    (told,) = loss_sentences(replace(group, entries=tuple(few)))
    assert told.startswith("What quantising lost in token F1 cannot be told: no kind has 5 documents")


def test_conclusions_of_several_tasks_say_which(folder: Path) -> None:
    (group,) = groups(results.read(folder))
    other = replace(group, set="elsewhere")

    assert conclusions([group])[0].startswith("Without a model")
    told = conclusions([group, other])
    assert told[0].startswith("The reader on samples. Without") and told[-1].startswith("The reader on elsewhere.")


def test_it_is_said_why_a_document_failed_and_what_stands_for_full_precision(folder: Path) -> None:
    name = f"{MODEL} gguf f32"
    with Writer.open(folder) as writer:
        # Of the run that measured the cell.
        writer.run = 1
        writer.add("failure", {"cell": name, "document": "article-0", "message": "ended by signal 9"})
    found = results.read(folder)
    found.artifacts[name]["preset"] = "q8_0"
    found.cells[0]["failed_documents"] = ["article-0", "article-1"]
    told = missing(found)

    assert f"{name} failed on article-0 (ended by signal 9), article-1" in told
    assert f"Full precision was not measured: what is called so is {name}, the suite's reference." in told


def test_a_floor_that_does_better_is_said_and_is_no_tool(folder: Path) -> None:
    (group,) = groups(results.read(folder))
    entries = [
        replace(entry, subject={"rules": "uniform"}.get(entry.subject, entry.subject)) for entry in group.entries
    ]
    text = verdict(replace(group, entries=tuple(entries)))

    assert "100 times as fast" in text, "trafilatura, not the floor"
    assert "On article and thread even a floor, which reads nothing, does better than every model." in text


def test_it_is_said_what_quantising_lost(folder: Path) -> None:
    (group,) = groups(results.read(folder))
    found = loss_sentences(group)

    assert found[0] == f"{MODEL} gguf int4 differs from full precision on article: token F1 -0.100 (-0.100 to -0.100)."
    assert found[-1].startswith("In 1 comparison of an artifact with full precision")


def test_a_file_cut_off_mid_line_gives_a_report_that_says_so(folder: Path) -> None:
    path = folder / results.NAME
    path.write_bytes(path.read_bytes()[:-20])

    assert "cut off" in report.write(folder).read_text("utf-8")


def test_names_cannot_become_markup(folder: Path) -> None:
    with Writer.open(folder) as writer:
        writer.add(
            "failure", {"cell": None, "name": "<script>x", "document": None, "stage": "export", "message": "a|b\n<b>"}
        )
    html = report.write(folder)

    assert "<script>x" not in html.read_text("utf-8")


def test_nothing_to_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        report.write(tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1,234"), (12.345, "12.3"), (1.5, "1.50"), (0.0123, "0.0123"), (0.0000456, "0.0000456")],
)
def test_three_digits_count(value: float, text: str) -> None:
    assert significant(value) == text
