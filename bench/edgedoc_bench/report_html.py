"""A folder of results as one HTML page that needs nothing else: no network, no fonts, no library. Computes nothing."""

from collections.abc import Iterable, Sequence
from html import escape

from edgedoc_bench import report_facts as facts
from edgedoc_bench.choosing import Choice, Limits, choices
from edgedoc_bench.report_plots import Plot, agreement_plots, quality_plots, series_of
from edgedoc_bench.report_rows import Group
from edgedoc_bench.report_style import CSS, SCRIPT
from edgedoc_bench.report_tables import Cell, Table, context_table, cost_table, memory_table, quality_table
from edgedoc_bench.results import Results
from edgedoc_bench.scatter import key
from edgedoc_bench.verdicts import baseline_sentences


def page(results: Results, found: Sequence[Group]) -> str:
    """The whole document; `found` are the groups of the results."""
    machine, suite = facts.machine(results), results.header["suite"]["name"]
    parts = [
        f"<h1>What each artifact costs and buys: {escape(suite)}</h1>",
        f'<p class="soft">{escape(machine.line())}</p>',
        f'<p class="warning">{facts.BUSY}</p>' if machine.busy else "",
        "<h2>In short</h2>",
        *(_choice(group, choice) for group, choice in choices(found, Limits())),
        _list(facts.conclusions(found)),
    ]
    for group in found:
        parts += _group(group)
    if (table := context_table(results)) is not None:
        parts += ["<h2>As the context grows</h2>", _table(table, "")]
    parts += ["<h2>Not measured, failed or doubtful</h2>", _list(facts.missing(results))]
    parts += ["<h2>How it was measured</h2>", f"<p>{facts.SOURCES}</p>", _provenance(results)]
    return _document(f"edgedoc bench: {suite}", parts)


def _document(title: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>",
            *(part for part in parts if part),
            f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )


def _choice(group: Group, choice: Choice) -> str:
    best = choice.best.name if choice.best is not None else "Nothing"
    second = [f"Runner-up: {choice.runner_up.name}"] if choice.runner_up is not None else []
    others = "".join(f" {escape(line)}." for line in (*second, *choice.beside))
    head = (
        f'<div class="choice"><p>{choice.title} for the {group.task} on {escape(group.title)}: '
        f"<strong>{escape(best)}</strong>. {escape(choice.why[:1].upper() + choice.why[1:])}.{others}</p>"
        + (f'<p class="warning">{escape(choice.caveat)}</p>' if choice.caveat else "")
        + f'<p class="soft">Limits: {escape(choice.limits.text())}. Others: '
        "<code>edgedoc bench recommend --max-memory 600MB --max-seconds 5</code></p>"
    )
    fallen = _list([f"{entry.name}: {reason}" for entry, reason in choice.fallen])
    return (
        f"{head}<details><summary>Why not the others</summary>{fallen}</details></div>" if fallen else f"{head}</div>"
    )


def _group(group: Group) -> list[str]:
    series, agreement = series_of(group), agreement_plots(group)
    parts = [
        f"<h2>{escape(facts.heading(group))}</h2>",
        key(series, ringed=any(entry.full for entry in group.models)),
        "<h3>Agreement with full precision, and what it costs</h3>" if agreement else "<h3>What each costs</h3>",
        _plots(agreement),
        _table(cost_table(group), "What each costs, and how closely it follows full precision"),
    ]
    if (memory := memory_table(group)) is not None:
        parts.append(f"<details><summary>Where the memory goes</summary>{_table(memory, '')}</details>")
    kinds = group.kinds
    if kinds:
        parts.append("<h3>Quality against gold, by kind of document</h3>")
        parts.append(_list(baseline_sentences(group)))
    widest = max(kinds, key=lambda kind: kinds[kind], default=None)
    for kind, documents in kinds.items():
        opened = " open" if kind == widest else ""
        parts.append(
            f"<details{opened}><summary>{escape(kind)}, {facts.many(documents)}</summary>"
            f"{_plots(quality_plots(group, kind))}{_table(quality_table(group, kind), '')}</details>"
        )
    return parts


def _plots(plots: Sequence[Plot]) -> str:
    figures = "".join(f"<figure>{plot.svg}<figcaption>{escape(plot.title)}</figcaption></figure>" for plot in plots)
    return f'<div class="plots">{figures}</div>' if figures else ""


def _table(table: Table, caption: str) -> str:
    titles = "".join(
        f'<th scope="col" title="{escape(note)}"><button type="button">{escape(title)}</button></th>'
        for title, note in (("", "the artifact and its settings"), *table.head)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(cell, len(row)) for cell in row)}</tr>'
        for name, row in table.rows
    )
    notes = f'<p class="soft">{escape(" ".join(table.notes))}</p>' if table.notes else ""
    # A phone shows no title of a column.
    meant = _list([f"{title}: {note}" for title, note in table.head])
    notes += f'<details class="soft"><summary>What the columns mean</summary>{meant}</details>'
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{told}<thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>{notes}'
    )


def _cell(cell: Cell, columns: int) -> str:
    # Without a figure and alone in its row: the reason why there are none.
    wide = f' class="wide" colspan="{columns}"' if cell.figure is None and len(cell.text) > 24 else ""
    best = ' class="best"' if cell.best else ""
    figure = "" if cell.figure is None else f"{cell.figure:.9g}"
    remark = f"<small>({escape(cell.remark)})</small>" if cell.remark else ""
    return f'<td{wide or best} data-figure="{figure}">{escape(cell.text)}{remark}</td>'


def _provenance(results: Results) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="wide">{escape(text)}</td></tr>'
        for name, text in facts.provenance(results)
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""
