"""Suites: what a bench measures, as data. One TOML file each, shipped ones in `suites/`. Knows no result.

Every key that does not fit is refused by name: a metric that is spelt wrong would otherwise be missing from the report
hours later.
"""

import difflib
import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

from edgedoc.errors import UsageError
from edgedoc.manifest import Format
from edgedoc.recipes import Method, Task
from edgedoc.schema import SchemaError, from_table
from edgedoc_bench.stand_ins import StandIn

METRICS = ("speed", "memory", "limits", "context", "energy", "fidelity", "quality")
"""Speed is time, tokens and steps; limits are the machine's; context is the cost of depth."""
PEERS = ("transformers-fp32", "llama-cpp-python", "onnxruntime-genai", "openvino-genai")
"""Other ways to run the same weights."""


@dataclass(frozen=True, kw_only=True)
class Models:
    """Artifacts to make of one checkpoint, `formats` x `presets`, or ready ones: folders in `artifacts`.

    `reference` is the preset that the others of the same format are compared with; `recipe` says how to use a
    checkpoint that no recipe is known for. With `stand_in` a checkpoint of reader-lm-0.5b's shapes takes its place.
    """

    model: str
    recipe: str | None
    stand_in: StandIn | None
    formats: tuple[Format, ...]
    presets: tuple[str, ...]
    reference: str
    artifacts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A task on a set of documents (`corpus.load`), by the models named, or all of the task; with what beside them."""

    task: Task
    documents: str
    limit: int | None
    models: tuple[str, ...] | None
    baselines: tuple[str, ...]
    peers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every combination of these is a cell. No methods: a model's own.

    Threads: 0 means the cores this process may use.
    """

    threads: tuple[int, ...]
    drafts: tuple[bool, ...]
    in_flight: tuple[int, ...]
    methods: tuple[Method, ...]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Depths to measure the cost of a token at, in positions, as far as a model goes; tokens decoded at each.

    `models` None: all of them.
    """

    models: tuple[str, ...] | None
    depths: tuple[int, ...]
    decode: int


@dataclass(frozen=True, kw_only=True)
class Suite:
    """`rounds` of every document at least, and `seconds` of every cell; a document may take `timeout` seconds."""

    name: str
    description: str
    rounds: int
    seconds: float
    timeout: float
    metrics: tuple[str, ...]
    models: tuple[Models, ...]
    tasks: tuple[Work, ...]
    settings: Settings
    context: Context
    pythons: dict[str, str]
    """Peer -> the Python that has it, where that is another environment."""


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """A suite with the text it was read from; relative paths in it start at `base`."""

    suite: Suite
    path: Path
    text: str

    @property
    def base(self) -> Path:
        """The folder the file is in."""
        return self.path.parent

    @property
    def sha256(self) -> str:
        """Of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# Left out, these hold; tables of a list have theirs of their own.
_SUITE: dict[str, Any] = {
    "description": "",
    "rounds": 3,
    "seconds": 1.0,
    "timeout": 600.0,
    "metrics": list(METRICS),
    "settings": {},
    "context": {},
    "pythons": {},
}
_MODELS = {"formats": list(Format), "presets": ["f32", "int8", "int4"], "reference": "f32", "artifacts": []}
_WORK: dict[str, Any] = {"documents": "samples", "baselines": [], "peers": []}
_SETTINGS = {"threads": [0], "drafts": [True], "in_flight": [1], "methods": []}
_CONTEXT = {"depths": [512, 1024, 2048, 4096, 8192, 16384, 32768], "decode": 8}


def shipped() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    folder = files("edgedoc_bench") / "suites"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load(name: str) -> SuiteFile:
    """A shipped suite by name, or a file. Raises UsageError, with what was probably meant."""
    if name in shipped():
        path = Path(str(files("edgedoc_bench") / "suites" / f"{name}.toml"))
    else:
        path = Path(name)
        if not path.is_file():
            known = ", ".join(shipped())
            raise UsageError(f"There is no suite {name}: it is neither a file nor {known}.{_meant(name, shipped())}")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite {path} cannot be read: {error}.") from error
    return SuiteFile(suite=parse(text, str(path)), path=path, text=text)


def parse(text: str, origin: str) -> Suite:
    """A suite from TOML; `origin` names it in messages. Raises UsageError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin} is not valid TOML: {error}.") from error
    _known(table, Suite, origin)
    filled: dict[str, Any] = {**_SUITE, **table}
    filled["models"] = _filled(table.get("models", []), _MODELS, Models, f"{origin}, models")
    filled["tasks"] = _filled(table.get("tasks", []), _WORK, Work, f"{origin}, tasks")
    [filled["settings"]] = _filled([filled["settings"]], _SETTINGS, Settings, f"{origin}, settings")
    [filled["context"]] = _filled([filled["context"]], _CONTEXT, Context, f"{origin}, context")
    try:
        suite = from_table(Suite, filled)
    except SchemaError as error:
        raise UsageError(f"{origin}: {error}.") from error
    _check(suite, origin)
    return suite


def _filled(tables: object, defaults: dict[str, Any], kind: type, origin: str) -> Any:
    """`tables` with what they leave out; what are no tables is left to the schema to refuse."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return tables
    for table in tables:
        _known(table, kind, origin)
    return [{**defaults, **table} for table in tables]


def _known(table: dict[str, Any], kind: Any, origin: str) -> None:
    _all_in(table, tuple(field.name for field in fields(kind)), "key", origin)


def _check(suite: Suite, origin: str) -> None:
    _all_in(suite.metrics, METRICS, "metric", origin)
    _all_in(suite.pythons, PEERS, "peer", origin)
    models = tuple(entry.model for entry in suite.models)
    _all_in(suite.context.models or (), models, "model of this suite", origin)
    for work in suite.tasks:
        _all_in(work.peers, PEERS, "peer", origin)
        if work.peers and work.task is not Task.READER:
            raise UsageError(f"{origin}: peers only read; leave them out of the task {work.task}.")
        _all_in(work.models or (), models, "model of this suite", origin)
    if not suite.tasks:
        raise UsageError(f"{origin} has no [[tasks]]: there is nothing to measure.")
    least = {
        "rounds": suite.rounds,
        "context.decode": suite.context.decode,
        **{"settings.in_flight": min(suite.settings.in_flight, default=1)},
        **{"context.depths": min(suite.context.depths, default=1)},
        **{"tasks.limit": min((work.limit for work in suite.tasks if work.limit is not None), default=1)},
    }
    for key, value in least.items():
        if value < 1:
            raise UsageError(f"{origin}: {key} is at least 1, not {value}.")
    if min(suite.seconds, *suite.settings.threads) < 0 or suite.timeout <= 0:
        raise UsageError(f"{origin}: seconds and threads are at least 0, timeout is more.")
    _check_places(suite.models, origin)
    for entry in suite.models:
        if entry.presets and entry.reference not in entry.presets:
            raise UsageError(
                f"{origin}: {entry.model} is compared with {entry.reference}, which is not among its presets. "
                "Add it to presets, or name another reference."
            )


def _check_places(models: Iterable[Models], origin: str) -> None:
    """Artifacts lie and are labelled by their model's last name: two of one place would be taken for each other."""
    names: dict[tuple[str, StandIn | None], str] = {}
    made = set()
    for entry in models:
        name = (Path(entry.model).name, entry.stand_in)
        if names.setdefault(name, entry.model) != entry.model:
            raise UsageError(
                f"{origin}: {names[name]} and {entry.model} have the same last name, by which artifacts are told "
                "apart. Rename one of them."
            )
        for format, preset in product(entry.formats, entry.presets):
            if (*name, format, preset) in made:
                raise UsageError(f"{origin}: {entry.model} is to be made twice as {format} {preset}. Leave one out.")
            made.add((*name, format, preset))


def _all_in(names: Iterable[str], known: tuple[str, ...], what: str, origin: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{origin}: {name!r} is no {what}; there is {', '.join(known)}.{_meant(name, known)}")


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""
