"""Writes the report of a folder of results into it: report.html and report.md. Measures nothing."""

from pathlib import Path

from edgedoc.files import write as write_file
from edgedoc_bench import report_html, report_markdown
from edgedoc_bench.report_rows import groups
from edgedoc_bench.results import read


def write(folder: Path) -> Path:
    """Both reports of the results in `folder`; the path of the HTML one.

    Raises UsageError when there are no results, OutputError.
    """
    results = read(folder)
    found = groups(results)
    html = results.folder / "report.html"
    write_file(html, report_html.page(results, found))
    write_file(html.with_suffix(".md"), report_markdown.page(results, found))
    return html
