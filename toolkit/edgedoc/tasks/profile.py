"""What a step costs with one artifact on this machine: measured at first use, kept in edgedoc's folder.

HOME/profile/FINGERPRINT.json, where the fingerprint covers the artifact, the processor, threads and versions: what was
measured elsewhere, or with another runtime, is measured again. Knows no document.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from edgedoc import __version__
from edgedoc.artifact import Artifact
from edgedoc.decoding.pace import Costs
from edgedoc.decoding.step_costs import exact_unit, measure
from edgedoc.engines import ENGINES, Engine, version
from edgedoc.engines.host import cpu, usable_cores
from edgedoc.errors import EdgedocError
from edgedoc.files import write
from edgedoc.store import home

SCHEMA = 1
USUAL = 0.9
"""Share of drafted tokens that are right, for comparing artifacts with each other."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One artifact's step costs. `unit`: see `step_costs.exact_unit`; 0 where there is none, None if not looked for."""

    schema: int = SCHEMA
    recipe: str
    format: str
    preset: str
    artifact: str
    cpu: str
    threads: int
    runtime: str
    edgedoc: str
    measured: str = ""
    seconds: dict[int, float] = field(default_factory=dict)
    unit: int | None = None

    @property
    def costs(self) -> Costs:
        """T(k)."""
        return Costs(self.seconds)

    def rate(self, right: float = USUAL) -> float:
        """Tokens a second with drafts of the best length when a share `right` of drafted tokens is right."""
        costs, expected, likely, best = self.costs, 1.0, 1.0, 1.0 / self.costs(1)
        for size in range(2, costs.most + 1):
            likely *= right
            expected += likely
            best = max(best, expected / costs(size))
        return best


def profile_of(artifact: Artifact, engine: Engine, *, threads: int | None, unit: bool = False) -> Profile:
    """The profile of `artifact` on `engine`, from the folder or measured now, with its exact unit if asked for.

    Empties the engine's cache. Raises EngineError. A folder that cannot be written means measuring again next time.
    """
    blank = _blank(artifact, threads or usable_cores())
    path = home() / "profile" / f"{_fingerprint(blank)}.json"
    found = _read(path)
    fresh = found is None
    if found is None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = replace(blank, measured=now, seconds=measure(engine))
    if unit and found.unit is None:
        found, fresh = replace(found, unit=exact_unit(engine) or 0), True
    if fresh:
        with suppress(EdgedocError, OSError):
            write(path, json.dumps(asdict(found), indent=1) + "\n")
    return found


def profiles() -> Iterator[Profile]:
    """All that were measured on this processor with what is installed now, in no particular order."""
    processor = cpu().name
    for path in (home() / "profile").glob("*.json"):
        found = _read(path)
        if found is not None and found.cpu == processor and found.runtime == _runtime(found.format):
            yield found


def _blank(artifact: Artifact, threads: int) -> Profile:
    return Profile(
        recipe=artifact.recipe.name,
        format=str(artifact.format),
        preset=artifact.manifest.preset,
        artifact=f"{artifact.manifest.sha256}{artifact.adapter or ''}",
        cpu=cpu().name,
        threads=threads,
        runtime=_runtime(str(artifact.format)),
        edgedoc=__version__,
    )


def _fingerprint(blank: Profile) -> str:
    return hashlib.sha256(json.dumps(asdict(blank), sort_keys=True).encode()).hexdigest()[:32]


def _runtime(format_name: str) -> str:
    entry = ENGINES[format_name]
    return version(entry.distributions) or entry.package


def _read(path: Path) -> Profile | None:
    """None for no file, and for one that is not ours or half there: it is only a cache."""
    try:
        table = json.loads(path.read_text("utf-8"))
        if table["schema"] != SCHEMA:
            return None
        table["seconds"] = {int(size): float(seconds) for size, seconds in table["seconds"].items()}
        return Profile(**table) if 1 in table["seconds"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
