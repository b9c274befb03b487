"""The model card of an artifact: metadata the hub files it by, and a page that says what it is and how to run it.

Metadata: https://huggingface.co/docs/hub/model-cards . Everything in it comes from the manifest and the recipe; figures
come from a report that is handed in. Knows no hub and no network.
"""

import re
from collections.abc import Iterator

from edgedoc.artifact import Artifact
from edgedoc.manifest import Format, Origin
from edgedoc.sharing.running import running
from edgedoc.sharing.terms import OTHER, hub_name


def card(artifact: Artifact, repo: str, results: str | None = None) -> str:
    """README.md for `repo`; `results` is a report in Markdown, taken over below a heading of its own."""
    from huggingface_hub import ModelCardData

    licence = artifact.manifest.licence
    named = hub_name(licence)
    base = base_model(artifact)
    known = {
        "license": named,
        "license_name": licence.id.lower() if named == OTHER and licence.id else None,
        "license_link": licence.link if named == OTHER else None,
        "base_model": base,
        "base_model_relation": "quantized" if base else None,
        "library_name": "gguf" if artifact.format is Format.GGUF else "transformers.js",
        "pipeline_tag": "text-generation",
        "language": list(artifact.recipe.languages),
        "tags": ["edgedoc", artifact.format.value, artifact.recipe.task.value, artifact.manifest.preset],
        "inference": False,
    }
    metadata = ModelCardData(**{key: value for key, value in known.items() if value is not None}).to_yaml()
    parts = [f"---\n{metadata.strip()}\n---", *_page(artifact, repo)]
    if results is not None:
        parts += ["## Measured", _demoted(results.strip())]
    return "\n\n".join(parts) + "\n"


def base_model(artifact: Artifact) -> str | None:
    """Hub id of the checkpoint it was made from; None when that is nowhere on the hub."""
    source = artifact.manifest.source
    return source.id if source.kind is Origin.HUB else artifact.recipe.source.hub_id


def _page(artifact: Artifact, repo: str) -> Iterator[str]:
    recipe, manifest = artifact.recipe, artifact.manifest
    yield f"# {repo.rpartition('/')[2]}"
    yield (
        f"{recipe.title}, as {manifest.format.upper()} {manifest.preset}. edgedoc runs it on a laptop or an edge box, "
        "without torch and without a network."
    )
    yield from running(artifact, repo)
    yield "## What it is"
    yield _facts(artifact)
    yield "## Prompt"
    yield "The text of the document takes the place of `{document}`; control tokens in it must stay text."
    yield _fenced(recipe.prompt)
    yield f"Greedy, repetition penalty {recipe.decoding.repetition_penalty:g}, stops at {_code(recipe.stop)}."
    yield "## Licence"
    for name, licence in artifact.licences.items():
        yield f"{name}: {licence.terms}"
        if licence.commercial is not True:
            yield "These terms are those of the original model and hold for this conversion of it."


def _facts(artifact: Artifact) -> str:
    recipe, manifest = artifact.recipe, artifact.manifest
    source = " at ".join(filter(None, (manifest.source.id, manifest.source.revision)))
    rows = [
        (
            "made from",
            source + (f", {manifest.source.adapter} over {manifest.source.base}" if manifest.source.adapter else ""),
        ),
        ("parameters", f"{manifest.parameters:,}"),
        ("bits a weight", f"{manifest.bits_per_weight:.2f}, everything counted"),
        ("stored as", ", ".join(f"{kind}: {total.weights:,} weights" for kind, total in manifest.tensor_types.items())),
        ("size", f"{artifact.size / 1e6:,.1f} MB"),
        ("context", f"{recipe.context:,} tokens, {recipe.window:,} of them document"),
        ("SHA-256", f"`{manifest.files[manifest.model_file].sha256}` ({manifest.model_file})"),
        ("written by", f"edgedoc {manifest.edgedoc}, {manifest.created}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _code(words: tuple[str, ...]) -> str:
    return " and ".join(f"`{word}`" for word in words)


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}" if not text.endswith("\n") else f"{fence}text\n{text}{fence}"


def _demoted(markdown: str) -> str:
    """Headings two levels lower, those of code blocks left alone."""
    lines, fenced = [], False
    for line in markdown.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        lines.append(f"##{line}" if re.match("#{1,4} ", line) and not fenced else line)
    return "\n".join(lines)
