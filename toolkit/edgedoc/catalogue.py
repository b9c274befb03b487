"""The models edgedoc knows, as rows: recipe facts and the artifacts of each on this machine. Loads no model."""

from collections.abc import Sequence

from edgedoc.recipes import Recipe, list_recipes
from edgedoc.store import list_artifacts


def rows() -> list[dict[str, object]]:
    """One row a recipe, in the catalogue's order."""
    artifacts: dict[str, list[str]] = {}
    for artifact in list_artifacts():
        artifacts.setdefault(artifact.recipe.name, []).append(artifact.path.name)
    return [
        {
            "name": recipe.name,
            "task": recipe.task.value,
            "mode": recipe.mode.value if recipe.mode else None,
            "parameters": recipe.parameters,
            "licence": recipe.licence.id,
            "commercial_use": recipe.licence.commercial,
            "source": source(recipe),
            "title": recipe.title,
            "artifacts": artifacts.get(recipe.name, []),
        }
        for recipe in list_recipes()
    ]


def source(recipe: Recipe) -> str:
    """Where the weights come from, in a word: "bundled", a hub id, or "a folder of yours"."""
    return "bundled" if recipe.source.bundled else recipe.source.hub_id or "a folder of yours"


def table(found: list[dict[str, object]]) -> str:
    """The rows for people."""
    lines = [("NAME", "TASK", "PARAMETERS", "LICENCE", "SOURCE", "HERE")]
    for row in found:
        task = f"{row['task']} ({row['mode']})" if row["mode"] else str(row["task"])
        licence = str(row["licence"] or "none stated") + (" (non-commercial)" if row["commercial_use"] is False else "")
        artifacts = row["artifacts"]
        here = ", ".join(artifacts) if isinstance(artifacts, list) and artifacts else "-"
        lines.append((str(row["name"]), task, _short(row["parameters"]), licence, str(row["source"]), here))
    return align(lines)


def align(lines: Sequence[tuple[str, ...]], right: frozenset[int] = frozenset()) -> str:
    """Columns padded to their widest cell, two spaces apart; those in `right` flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _short(parameters: object) -> str:
    count = int(str(parameters))
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"
