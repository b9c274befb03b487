"""The command line: options in, one function call, data on stdout, the rest on stderr. Decides nothing itself.

The composition root: the only package that imports edgedoc_export and edgedoc_bench, and only inside command bodies, so
that `--help` loads no engine and a device without those packages still runs. Here is what there is, in the order of
`--help`; the commands are in the files beside this one.
"""

import sys
from functools import partial
from typing import Annotated

import typer
from typer.core import TyperGroup

from edgedoc import __version__, console
from edgedoc.cli.annotating import annotate
from edgedoc.cli.artifacts import export, models, verify
from edgedoc.cli.benching import bench
from edgedoc.cli.bundling import bundle, install
from edgedoc.cli.chunking import chunk
from edgedoc.cli.documents import convert
from edgedoc.cli.machine import demo, doctor
from edgedoc.cli.processing import process
from edgedoc.cli.sharing import pull, push

EXAMPLES = """\b
Examples:
  edgedoc demo                                  the whole journey, offline
  edgedoc convert page.html                     HTML to Markdown on stdout
  curl -s URL | edgedoc convert -               the same through a pipe
  edgedoc chunk notes.md --max-tokens 512       text to chunks, JSON lines
  edgedoc process *.html --out documents.jsonl  both in one pass
  edgedoc export reader-lm-0.5b --quant int4    a real model, four bits, GGUF
  edgedoc convert page.html -m reader-lm-0.5b   use it
"""


class _GroupsLast(TyperGroup):
    """Lists commands as they are registered; typer alone would put groups of commands before them."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(super().list_commands(ctx), key=lambda name: isinstance(self.commands[name], TyperGroup))


app = typer.Typer(
    cls=_GroupsLast,
    help="Small document language models, quantised, offline, with the bill.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"edgedoc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    # Eager: typer would ask for a command first.
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="EDGEDOC_DEBUG", help="Show tracebacks.")] = False,
) -> None:
    console.debug = debug


app.command()(models)
app.command(epilog="Example: edgedoc export reader-lm-0.5b --quant int4 --out reader-int4")(export)
app.command(epilog="Example: edgedoc convert *.html --out markdown/")(convert)
app.command(epilog="Example: edgedoc chunk notes.md --mode topic --max-tokens 512 --out notes.jsonl")(chunk)
app.command(epilog="Example: edgedoc process *.html --max-tokens 512 --out documents.jsonl")(process)
app.command(epilog="Example: edgedoc verify reader-int4 --against reader-lm-0.5b")(verify)
app.command(epilog="Example: edgedoc bundle reader-lm-0.5b --out reader.tar --sign minisign.key")(bundle)
app.command(epilog="Example: edgedoc install reader.tar --key minisign.pub")(install)
app.command(epilog="Example: edgedoc pull jinaai/reader-lm-0.5b")(pull)
app.command(epilog="Example: edgedoc push reader-int4 your-name/reader-lm-0.5b-int4 --dry-run")(push)
app.command(
    epilog="Example: edgedoc annotate chunks.jsonl --out labels.jsonl --endpoint http://localhost:8000/v1 -m NAME"
)(annotate)
app.command()(doctor)
app.command()(demo)
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point. Exit codes: see `edgedoc.errors` and `console.run`."""
    console.prepare()
    sys.exit(console.run(partial(app, prog_name="edgedoc")))
