"""A folder of results as Markdown, for a repository or an issue: what the HTML report says, without its plots."""

from collections.abc import Sequence

from edgedoc_bench import report_facts as facts
from edgedoc_bench.choosing import Limits, choices
from edgedoc_bench.report_rows import Group
from edgedoc_bench.report_tables import Cell, Table, context_table, cost_table, memory_table, quality_table
from edgedoc_bench.results import Results
from edgedoc_bench.verdicts import baseline_sentences


def page(results: Results, found: Sequence[Group]) -> str:
    """The whole document; `found` are the groups of the results."""
    machine = facts.machine(results)
    parts = [
        f"# What each artifact costs and buys: {results.header['suite']['name']}",
        machine.line(),
        f"**{facts.BUSY}**" if machine.busy else "",
        "## In short",
    ]
    for group, choice in choices(found, Limits()):
        best = choice.best.name if choice.best is not None else "nothing"
        second = [f"Runner-up: {choice.runner_up.name}"] if choice.runner_up is not None else []
        parts.append(
            f"{choice.title} for the {group.task} on {group.title}, {choice.limits.text()}: **{best}**, {choice.why}."
            + "".join(f" {line}." for line in (*second, *choice.beside))
        )
        parts.append(f"**{choice.caveat}**" if choice.caveat else "")
    parts += [_list(facts.conclusions(found))]
    for group in found:
        parts += _group(group)
    if (table := context_table(results)) is not None:
        parts += ["## As the context grows", *_table(table)]
    parts += ["## Not measured, failed or doubtful", _list(facts.missing(results))]
    parts += ["## How it was measured", facts.SOURCES]
    parts.append(_list([f"{name}: {text}" for name, text in facts.provenance(results)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _group(group: Group) -> list[str]:
    parts = [f"## {facts.heading(group)}", *_table(cost_table(group))]
    if (memory := memory_table(group)) is not None:
        parts += ["### Where the memory goes", *_table(memory)]
    if sentences := baseline_sentences(group):
        parts += ["### The best tool without a model beside the best model", _list(sentences)]
    for kind, documents in group.kinds.items():
        parts += [f"### {kind}: {facts.many(documents)}", *_table(quality_table(group, kind))]
    return parts


def _table(table: Table) -> list[str]:
    titles = ["", *(title for title, _ in table.head)]
    lines = [_row(titles), _row(["---", *("---:" for _ in table.head)])]
    lines += [_row([name, *(_text(cell) for cell in cells)]) for name, cells in table.rows]
    return ["\n".join(lines), " ".join(table.notes)]


def _row(cells: Sequence[str]) -> str:
    # A pipe or a line break in a reason would end its cell.
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def _text(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.remark})" if cell.remark else text


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
