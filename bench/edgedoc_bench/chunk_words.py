"""Which floors a way of cutting beats, in words, so that nobody has to compare columns. Measures nothing.

A figure beats another where it is better as printed, with three decimals; how sure that is, is not said here.
"""

from collections.abc import Callable, Sequence

from edgedoc_bench.chunk_rows import Row

FIGURES: dict[str, Callable[[Row], float | None]] = {
    "Pk": lambda row: None if row.summary.pk_macro is None else -row.summary.pk_macro,
    "F1": lambda row: row.summary.f1_micro,
}
"""Name -> value of a row, more is better; those of the table."""


def beaten(row: Row, floors: Sequence[Row]) -> dict[str, list[str]]:
    """By figure the names of the floors that `row` beats; a figure it has no value of is left out."""
    found = {}
    for figure, value in FIGURES.items():
        own = value(row)
        if own is not None:
            others = [(floor.name, value(floor)) for floor in floors]
            found[figure] = [name for name, other in others if other is not None and round(own, 3) > round(other, 3)]
    return found


def sentence(row: Row, floors: Sequence[Row]) -> str:
    """ "NAME beats all, uniform and random in Pk, not none; every floor in F1." """
    names = [floor.name for floor in floors]
    parts = []
    for figure, better in beaten(row, floors).items():
        worse = [name for name in names if name not in better]
        if not worse or not better:
            parts.append(f"{'no' if worse else 'every'} floor in {figure}")
        else:
            parts.append(f"{_listed(better, 'and')} in {figure}, not {_listed(worse, 'or')}")
    return f"{row.name} beats {'; '.join(parts)}."


def _listed(names: Sequence[str], last: str) -> str:
    return f" {last} ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])
