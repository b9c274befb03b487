"""Which artifact is the fastest on this machine, by the step costs measured here. Knows no document."""

from collections.abc import Callable

from edgedoc.store import list_artifacts
from edgedoc.tasks.opening import open_engine
from edgedoc.tasks.profile import USUAL, profile_of, profiles

DRAFT = 12
"""Tokens of the step shown beside the plain one."""


def measure_all(progress: Callable[[str, int, int], None]) -> None:
    """Profile every artifact in the store, on all usable cores. Raises what opening an engine raises."""
    artifacts = [artifact for artifact in list_artifacts() if not artifact.manifest.adapters]
    for done, artifact in enumerate(artifacts):
        progress(f"{artifact.recipe.name} {artifact.format} {artifact.manifest.preset}", done, len(artifacts))
        _, engine = open_engine(artifact, threads=None, provider=None, memory_limit=None)
        try:
            profile_of(artifact, engine, threads=None)
        finally:
            engine.close()


def ranking() -> list[dict[str, object]]:
    """A row for every profile measured with what is installed now, by recipe, the fastest first; tokens and seconds."""
    found = sorted(profiles(), key=lambda profile: (profile.recipe, -profile.rate()))
    return [
        {
            "recipe": profile.recipe,
            "format": profile.format,
            "preset": profile.preset,
            "threads": profile.threads,
            "measured": profile.measured,
            "step_seconds": profile.seconds,
            "plain_tokens_per_second": 1 / profile.costs(1),
            "drafted_tokens_per_second": profile.rate(),
            "fastest": not any(other.recipe == profile.recipe for other in found[:place]),
        }
        for place, profile in enumerate(found)
    ]


def lines(rows: list[dict[str, object]]) -> list[tuple[str, str]]:
    """The ranking for people, and what to do where there is none."""
    if not rows:
        return [("speed", "nothing measured yet; edgedoc doctor --measure times every artifact on this machine")]
    return [("fastest" if row["fastest"] else "", _line(row)) for row in rows]


def _line(row: dict[str, object]) -> str:
    seconds = row["step_seconds"]
    assert isinstance(seconds, dict)
    shown = DRAFT if DRAFT in seconds else max(seconds)
    dearer = seconds[shown] / seconds[1]
    return (
        f"{row['recipe']} {row['format']} {row['preset']}, {row['threads']} threads: "
        f"{row['plain_tokens_per_second']:,.0f} tokens/s, a step of {shown} costs {dearer:.1f} of one; "
        f"{row['drafted_tokens_per_second']:,.0f} tokens/s when {USUAL:.0%} of drafts are right"
    )
