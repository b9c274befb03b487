"""The command line: options in, one function call, data on stdout, the rest on stderr. Decides nothing itself.

The composition root: the only file that imports edgedoc_export and edgedoc_bench, and only inside command bodies, so that
`--help` loads no engine and a device without those packages still runs.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import __version__, console
from edgedoc.errors import DocumentError, EdgedocError, MissingModelError, UsageError

EXAMPLES = """\b
Examples:
  edgedoc demo                                  the whole journey, offline
  edgedoc convert page.html                     HTML to Markdown on stdout
  curl -s URL | edgedoc convert -               the same through a pipe
  edgedoc export reader-lm-0.5b --quant int4    a real model, four bits, GGUF
  edgedoc convert page.html -m reader-lm-0.5b   use it
"""

app = typer.Typer(
    help="Small document language models, quantised, offline, with the bill.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="EDGEDOC_MODEL",
        help="Artifact folder or recipe name; default: the bundled nano-reader.",
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the cores this process may use.")]
MemoryLimit = Annotated[
    str | None, typer.Option("--memory", help="Most memory to use, e.g. 600M or 2G; default: what is free.")
]


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="EDGEDOC_DEBUG", help="Show tracebacks.")] = False,
) -> None:
    if version:
        print(f"edgedoc {__version__}")
        raise typer.Exit
    console.debug = debug


@app.command()
def models(json: Json = False) -> None:
    """List the models edgedoc knows.

    Task, size, licence, source, and the artifacts of each on this machine.
    """
    from edgedoc.catalogue import rows, table

    found = rows()
    console.data(found) if json else print(table(found))


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Recipe name, checkpoint folder or hub id.")],
    format: Annotated[str, typer.Option(help="gguf")] = "gguf",
    quant: Annotated[
        str, typer.Option(help="f32, f16, bf16, int8, int4, or a name of llama.cpp's such as q4_k_m.")
    ] = "int8",
    out: Annotated[Path | None, typer.Option(help="Artifact folder to make; default: edgedoc's own store.")] = None,
    revision: Annotated[str | None, typer.Option(help="Hub revision; default: the recipe's.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe for a checkpoint that is in no recipe.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an artifact that exists.")] = False,
    json: Json = False,
) -> None:
    """Turn a checkpoint into a quantised artifact.

    The last line on stdout is the path of the artifact folder.
    """
    from edgedoc_export.build import export as build

    with console.progress() as report:
        path = build(
            model,
            format=format,
            preset=quant,
            out=out,
            revision=revision,
            recipe=recipe,
            overwrite=overwrite,
            progress=report,
            notice=report.say,
        )
    if json:
        from edgedoc.artifact import Artifact

        console.data({"artifact": str(path), "manifest": Artifact.open(path).manifest.to_json()})
    else:
        print(path)


@app.command()
def convert(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="HTML files; - is stdin.")],
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File, or folder for several inputs; default: stdout.")
    ] = None,
    fallback: Annotated[
        str, typer.Option(help="What stands in for a window the model failed on: rules or none.")
    ] = "rules",
    threads: Threads = None,
    memory: MemoryLimit = None,
    json: Json = False,
) -> None:
    """Convert HTML to Markdown.

    A window the model got wrong is flagged, and converted by rules instead.
    """
    from edgedoc.files import destination, read, write
    from edgedoc.tasks.reader import Fallback, Reader

    if fallback not in list(Fallback):
        raise UsageError(f"--fallback is {' or '.join(Fallback)}, not {fallback!r}.")
    if out is None and len(inputs) > 1 and not json:
        raise UsageError(
            "Several inputs on stdout would run together. Name a folder with --out, or ask for --json (one line each)."
        )
    failed = 0
    limit = console.size(memory) if memory else None
    with Reader.open(_artifact(model), fallback=Fallback(fallback), threads=threads, memory_limit=limit) as reader:
        for source in inputs:
            try:
                conversion = reader.convert(read(source))
                if out is not None:
                    write(destination(source, out, many=len(inputs) > 1), conversion.markdown)
                if json:
                    console.data({"source": source, **conversion.to_json()}, one_line=True)
                elif out is None:
                    sys.stdout.write(conversion.markdown)
            except DocumentError as error:
                failed += 1
                console.error(f"{source}: {error}")
                if json:
                    console.data({"source": source, "error": str(error)}, one_line=True)
            else:
                for line in conversion.remarks():
                    console.note(f"{source}: {line}")
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(
    artifact: Annotated[Path, typer.Argument(help="Artifact folder.")],
    against: Annotated[
        str | None, typer.Option(help="Checkpoint folder, recipe name or f32 artifact to compare with.")
    ] = None,
    json: Json = False,
) -> None:
    """Check an artifact against its manifest.

    With --against, its answers against full precision as well.
    """
    from edgedoc.artifact import Artifact

    found = Artifact.open(artifact)
    found.check()
    result: dict[str, object] = {"artifact": str(artifact), "files": len(found.manifest.files), "checksums": "ok"}
    lines = [f"{artifact}: {len(found.manifest.files)} files, all as the manifest says"]
    if against is not None:
        from edgedoc_bench.fidelity import compare, describe

        fidelity = compare(found, against)
        result["fidelity"] = fidelity.to_json()
        lines.append(describe(fidelity))
    console.data(result) if json else print("\n".join(lines))


@app.command()
def doctor(json: Json = False) -> None:
    """Say what this machine has, and what will be slow.

    Engines, CPU features, memory and its measured bandwidth.
    """
    from edgedoc.doctor import examine, text

    found = examine()
    console.data(found) if json else print(text(found))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the artifacts and Markdown.")] = Path(
        "edgedoc-demo"
    ),
    json: Json = False,
) -> None:
    """Run the whole journey on the bundled model.

    Exports it to f32, int8 and int4, converts sample pages with each, and prints the bill.
    """
    from edgedoc_bench.demo import run, table

    with console.progress() as report:
        result = run(out, report)
    console.data(result) if json else print(table(result))


def _artifact(model: str | None) -> Path:
    """The artifact meant by --model; a known model that is not on this machine yet is exported first."""
    from edgedoc.store import DEFAULT_MODEL, resolve

    try:
        return resolve(model).path
    except MissingModelError:
        from edgedoc_export.build import export as build

        with console.progress() as report:
            report.say(f"{model or DEFAULT_MODEL} is used for the first time: exporting it to int8 once")
            return build(model or DEFAULT_MODEL, preset="int8", progress=report, notice=report.say)


def main() -> None:
    """Entry point. Exit codes: 0, 1 a document or operation failed, 2 usage, 3 something missing here, 130 interrupted."""
    console.prepare()
    try:
        app()
    except EdgedocError as error:
        if console.debug:
            raise
        console.error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.error("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        console.discard_stdout()
        sys.exit(141)
    except Exception as error:
        if console.debug:
            raise
        console.error(
            f"unexpected {type(error).__name__}: {error}. This is a defect of edgedoc; edgedoc --debug ... shows where."
        )
        sys.exit(1)
