"""What a command's words mean: which artifact a model's name is, and which file each result goes into."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from edgedoc import console
from edgedoc.errors import MissingModelError, UsageError


def artifact(name: str) -> Path:
    """The artifact that a folder or a model's name means; a known model that is not here yet is exported first.

    Where only one engine is installed, a name means the artifact in that engine's format.
    """
    from edgedoc.engines import ENGINES, installed
    from edgedoc.recipes import list_recipes
    from edgedoc.store import resolve

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


def chunker_name(model: str | None, mode: str | None) -> str:
    """The model meant by --model and --mode: the bundled one of the mode where none is named."""
    from edgedoc.store import DEFAULT_CHUNKER

    return model or f"{DEFAULT_CHUNKER}-{mode or 'simple'}"


def destinations(inputs: list[str], out: Path | None, suffix: str) -> list[Path | None]:
    """Where the result of each input goes; None is stdout. Raises UsageError when two would overwrite each other."""
    from edgedoc.files import destination

    if out is None:
        return [None for _ in inputs]
    targets = [destination(source, out, suffix, many=len(inputs) > 1) for source in inputs]
    twice = next((target for target, times in Counter(targets).items() if times > 1), None)
    if twice is not None:
        sources = " and ".join(source for source, target in zip(inputs, targets, strict=True) if target == twice)
        raise UsageError(f"{sources} would both become {twice}. Put the results into different folders.")
    return [*targets]


@contextmanager
def progress_of(source: str, number: int, total: int) -> Iterator[Callable[[int, int], None] | None]:
    """What is told how far document `number` of `total` is; None where nothing can be shown that vanishes again."""
    with console.passing_progress() as report:
        yield None if report is None else partial(report, f"{Path(source).name} ({number} of {total})")
