"""What a reader of the report should conclude, in sentences: each with its figures and how sure they are."""

from dataclasses import dataclass

from edgedoc_bench.baselines import FLOORS
from edgedoc_bench.bootstrap import Interval
from edgedoc_bench.quality_metrics import MAIN, METRICS
from edgedoc_bench.quality_summary import FEWEST, difference, mean
from edgedoc_bench.report_columns import significant
from edgedoc_bench.report_rows import Entry, Group

BEATS, LOSES = "beats every model on", "loses to the best model on"
LEVEL, DOUBTFUL = "is level with the best model on", "cannot be told from the best model on"


@dataclass(frozen=True, kw_only=True)
class Rivalry:
    """The best baseline and the best artifact on a kind of document, by the main metric."""

    kind: str
    documents: int
    baseline: Entry
    artifact: Entry
    baseline_value: float
    artifact_value: float
    interval: Interval | None
    """Of the artifact less the baseline."""

    @property
    def beaten(self) -> bool:
        """Whether the baseline has the better mean."""
        return self.baseline_value > self.artifact_value


def rivalries(group: Group) -> list[Rivalry]:
    """One for each kind of document with a gold answer that an artifact and a baseline both answered."""
    metric, found = MAIN[group.task], []
    for kind in group.kinds:
        ranked = []
        for entries in (_tools(group), group.models):
            scored = [(m.value, m.documents, entry) for entry in entries if (m := mean(entry, metric, kind))]
            # Of equals the fastest.
            ranked.append(max(scored, key=lambda one: (one[0], -(one[2].seconds or 0.0)), default=None))
        if ranked[0] is None or ranked[1] is None:
            continue
        (baseline_value, _, baseline), (artifact_value, documents, artifact) = ranked[0], ranked[1]
        found.append(
            Rivalry(
                kind=kind,
                documents=documents,
                baseline=baseline,
                artifact=artifact,
                baseline_value=baseline_value,
                artifact_value=artifact_value,
                interval=difference(artifact, baseline, metric, kind),
            )
        )
    return found


def floors_ahead(group: Group) -> list[str]:
    """Kinds of document on which a floor, which reads nothing, has a better mean than every artifact."""
    metric, found = MAIN[group.task], []
    for kind in group.kinds:
        floors = [m.value for entry in group.baselines if entry.subject in FLOORS and (m := mean(entry, metric, kind))]
        models = [m.value for entry in group.models if (m := mean(entry, metric, kind))]
        if floors and models and max(floors) > max(models):
            found.append(kind)
    return found


def verdict(group: Group) -> str:
    """One paragraph: on which kinds of document a tool without a model does better, and at what speed; "" without."""
    found = rivalries(group)
    if not found:
        return ""
    sides: dict[str, list[str]] = {outcome: [] for outcome in (BEATS, LEVEL, DOUBTFUL, LOSES)}
    for one in found:
        sides[_outcome(one)].append(one.kind)
    label = METRICS[group.task][MAIN[group.task]].label
    words = [f"{name} {_listed(kinds)}" for name, kinds in sides.items() if kinds]
    text = f"Without a model: by {label}, the best of the tools that are no models {'; '.join(words)}."
    ratios = sorted(ratio for one in found if (ratio := _times_as_fast(one)) is not None)
    if ratios:
        ends = dict.fromkeys(significant(ratio) for ratio in (ratios[0], ratios[-1]))
        text += f" It is {' to '.join(ends)} times as fast."
    if ahead := floors_ahead(group):
        text += f" On {_listed(ahead)} even a floor, which reads nothing, does better than every model."
    few = [one.kind for one in found if one.documents < FEWEST]
    if len(few) == len(found):
        text += f" No kind has {FEWEST} documents: too few to be sure of any of this."
    elif few:
        text += f" Of {_listed(few)} there are fewer than {FEWEST} documents: too few to be sure."
    return text


def baseline_sentences(group: Group) -> list[str]:
    """The same kind by kind, with the figures and how sure they are."""
    label = METRICS[group.task][MAIN[group.task]].label
    return [_sentence(one, label) for one in rivalries(group)]


def _sentence(one: Rivalry, label: str) -> str:
    many = "1 document" if one.documents == 1 else f"{one.documents} documents"
    words = (
        f"{one.kind}, {many}: {one.baseline.subject} {one.baseline_value:.3f}, "
        f"{one.artifact.name} {one.artifact_value:.3f} {label}"
    )
    if one.interval is not None:
        chance = "" if one.interval.certain else ", which may be chance"
        words += f"; model less tool {one.interval.text(3)}{chance}"
    else:
        words += "; too few documents for an interval"
    if (ratio := _times_as_fast(one)) is not None:
        words += f"; the tool is {significant(ratio)} times as fast"
    return words + "."


def _tools(group: Group) -> list[Entry]:
    """Baselines that read the document; a floor is no tool."""
    return [entry for entry in group.baselines if entry.subject not in FLOORS]


def _outcome(one: Rivalry) -> str:
    if one.baseline_value == one.artifact_value:
        return LEVEL
    if one.interval is not None and not one.interval.certain:
        return DOUBTFUL
    return BEATS if one.beaten else LOSES


def _times_as_fast(one: Rivalry) -> float | None:
    fast, slow = one.baseline.seconds, one.artifact.seconds
    return slow / fast if fast and slow and slow > fast else None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def loss_sentences(group: Group) -> list[str]:
    """What each artifact loses in quality against full precision, where that is more than chance; else why not."""
    metric = MAIN[group.task]
    label, found, level, few = METRICS[group.task][metric].label, [], 0, 0
    for entry in group.models:
        reference = group.reference_of(entry)
        if reference is None:
            continue
        for kind in group.kinds:
            interval = difference(entry, reference, metric, kind)
            if interval is not None and interval.certain:
                found.append(f"{entry.name} differs from full precision on {kind}: {label} {interval.text(3)}.")
            elif interval is not None:
                level += 1
            else:
                few += bool(entry.values(metric, kind))
    if level:
        pairs = "comparison" if level == 1 else "comparisons"
        found.append(f"In {level} {pairs} of an artifact with full precision the difference in {label} may be chance.")
    if few and not level and not found:
        found.append(
            f"What quantising lost in {label} cannot be told: no kind has {FEWEST} documents, so no difference to full "
            "precision has an interval."
        )
    return found
