"""Commands about models: the catalogue, making an artifact, checking one."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.options import Json


def models(json: Json = False) -> None:
    """List the models edgedoc knows.

    Task, size, licence, source, and the artifacts of each on this machine.
    """
    from edgedoc.catalogue import rows, table

    found = rows()
    console.data(found) if json else print(table(found))


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Recipe name, checkpoint folder or hub id.")],
    format: Annotated[str, typer.Option(help="Format of the model file: gguf or onnx.")] = "gguf",
    quant: Annotated[
        str, typer.Option(help="f32, f16, int8, int4, or a format's own: bf16, q4_k_m in GGUF, int4_asym in ONNX.")
    ] = "int8",
    graph: Annotated[
        str | None, typer.Option(help="ONNX: edge (small, fast, default) or portable (standard operators).")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="ONNX edge graph: most tokens it can hold; default: the recipe's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Artifact folder to make; default: edgedoc's own store.")] = None,
    revision: Annotated[str | None, typer.Option(help="Hub revision; default: the recipe's.")] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(help="PEFT adapter to merge into MODEL: folder, hub id or recipe; several with --unmerged."),
    ] = None,
    unmerged: Annotated[
        bool, typer.Option("--unmerged", help="Keep adapters apart, one model for all of them. GGUF only.")
    ] = False,
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
            adapter=adapter,
            unmerged=unmerged,
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
