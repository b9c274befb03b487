"""The command line: options in, one function call, data on stdout, the rest on stderr. Decides nothing itself.

The composition root: the only file that imports edgedoc_export and edgedoc_bench, and only inside command bodies, so
that `--help` loads no engine and a device without those packages still runs.
"""

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import __version__, console
from edgedoc.errors import DocumentError, MissingModelError, UsageError

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


@app.command()
def models(json: Json = False) -> None:
    """List the models edgedoc knows.

    Task, size, licence, source, and the artifacts of each on this machine.
    """
    from edgedoc.catalogue import rows, table

    found = rows()
    console.data(found) if json else print(table(found))


@app.command(epilog="Example: edgedoc export reader-lm-0.5b --quant int4 --out reader-int4")
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Recipe name, checkpoint folder or hub id.")],
    format: Annotated[str, typer.Option(help="Format of the model file: gguf or onnx.")] = "gguf",
    quant: Annotated[
        str, typer.Option(help="f32, int8, int4, or a format's own: f16, bf16, q4_k_m in GGUF, int4_asym in ONNX.")
    ] = "int8",
    graph: Annotated[
        str | None, typer.Option(help="ONNX: edge (small, fast, default) or portable (standard operators).")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="ONNX edge graph: most tokens it can hold; default: the recipe's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Artifact folder to make; default: edgedoc's own store.")] = None,
    revision: Annotated[str | None, typer.Option(help="Hub revision; default: the recipe's.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Use the model as this recipe (name or .toml file) says.")] = None,
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
            graph=graph,
            context=context,
            out=out,
            revision=revision,
            recipe=recipe,
            overwrite=overwrite,
            download_bars=console.moving(),
            progress=report,
            notice=report.say,
        )
    if json:
        from edgedoc.artifact import Artifact
        from edgedoc.schema import to_table

        console.data({"artifact": str(path), "manifest": to_table(Artifact.open(path).manifest)})
    else:
        print(path)


@app.command(epilog="Example: edgedoc convert *.html --out markdown/")
def convert(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="HTML files; - is stdin.")],
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File, or folder for several inputs; default: stdout.")
    ] = None,
    fallback: Annotated[
        str, typer.Option(help="What stands in for a window the model failed on: rules or none.")
    ] = "rules",
    threads: Threads = None,
    provider: Annotated[
        str, typer.Option(help="Where an ONNX model runs: auto, cpu, cuda, dml or coreml. GGUF: auto or cpu.")
    ] = "auto",
    memory: MemoryLimit = None,
    json: Json = False,
) -> None:
    """Convert HTML to Markdown.

    A window the model got wrong is flagged, and converted by rules instead.
    """
    from edgedoc.files import read, write
    from edgedoc.tasks.reader import Fallback, Reader

    if fallback not in list(Fallback):
        raise UsageError(f"--fallback is {' or '.join(Fallback)}, not {fallback!r}.")
    if out is None and len(inputs) > 1 and not json:
        raise UsageError(
            "Several inputs on stdout would run together. Name a folder with --out, or ask for --json (one line each)."
        )
    destinations = _destinations(inputs, out)
    failed = 0
    limit = console.size(memory) if memory is not None else None
    with Reader.open(
        _artifact(model), fallback=Fallback(fallback), threads=threads, provider=provider, memory_limit=limit
    ) as reader:
        for number, (source, target) in enumerate(zip(inputs, destinations, strict=True), 1):
            try:
                page = read(source)
                with console.passing_progress() as report:
                    stage = f"{Path(source).name} ({number} of {len(inputs)})"
                    told = partial(report, stage) if report is not None else None
                    conversion = reader.convert(page, progress=told)
                if target is not None:
                    write(target, conversion.markdown)
                if json:
                    console.data({"source": source, **conversion.as_dict()}, one_line=True)
                elif target is None:
                    sys.stdout.write(conversion.markdown)
                    sys.stdout.flush()
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


@app.command(epilog="Example: edgedoc verify reader-int4 --against reader-lm-0.5b")
def verify(
    artifact: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="Artifact folder.")],
    against: Annotated[
        str | None, typer.Option(help="Checkpoint folder, recipe name or f32 artifact to compare with.")
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With --against: least share of equal tokens, e.g. 0.97; default: the preset's."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check an artifact against its manifest.

    With --against, its answers against full precision as well; the exit code is 1 when they agree too rarely.
    """
    from edgedoc.artifact import Artifact

    found = Artifact.open(artifact)
    found.check()
    result: dict[str, object] = {"artifact": str(artifact), "files": len(found.manifest.files), "checksums": "ok"}
    lines = [f"{artifact}: {len(found.manifest.files)} files, all as the manifest says"]
    passed = True
    if against is not None:
        from edgedoc_bench.fidelity import compare, describe

        fidelity = compare(found, against, min_agreement=min_agreement)
        result["fidelity"], passed = fidelity.as_dict(), fidelity.passed
        lines.append(describe(fidelity))
    console.data(result) if json else print("\n".join(lines))
    if not passed:
        raise typer.Exit(1)


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
    """The artifact meant by --model; a known model that is not on this machine yet is exported first.

    Where only one engine is installed, a name means the artifact in that engine's format.
    """
    from edgedoc.engines import ENGINES, installed
    from edgedoc.recipes import list_recipes
    from edgedoc.store import DEFAULT_MODEL, resolve

    name = model or DEFAULT_MODEL
    formats = installed() or tuple(ENGINES)
    try:
        return resolve(name, format=formats[0] if len(formats) == 1 else None).path
    except MissingModelError:
        if name not in {recipe.name for recipe in list_recipes()}:
            raise
    from edgedoc_export.build import export as build

    with console.progress() as report:
        report.say(f"{name} is used for the first time: exporting it to int8 once")
        return build(name, format=formats[0], preset="int8", progress=report, notice=report.say)


def _destinations(inputs: list[str], out: Path | None) -> list[Path | None]:
    """Where the Markdown of each input goes; None is stdout. Raises UsageError when two would overwrite each other."""
    from edgedoc.files import destination

    if out is None:
        return [None for _ in inputs]
    targets = [destination(source, out, many=len(inputs) > 1) for source in inputs]
    twice = next((target for target, times in Counter(targets).items() if times > 1), None)
    if twice is not None:
        sources = " and ".join(source for source, target in zip(inputs, targets, strict=True) if target == twice)
        raise UsageError(f"{sources} would both become {twice}. Convert them into different folders.")
    return [*targets]


def main() -> None:
    """Entry point. Exit codes: see `edgedoc.errors` and `console.run`."""
    console.prepare()
    sys.exit(console.run(partial(app, prog_name="edgedoc")))
