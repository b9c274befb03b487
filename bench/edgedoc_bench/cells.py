"""Cells: one artifact, baseline or peer doing one task on one set with one setting. Measures nothing.

A cell is known by a hash of all that its figures depend on, so that a bench that was killed, or is started again with
another version of something, measures what is missing and nothing else.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edgedoc.artifact import Artifact
from edgedoc.recipes import Method, Task


class Measure(StrEnum):
    """What is done: the task on documents, tokens at growing depths, or agreement with full precision."""

    DOCUMENTS = "documents"
    CONTEXT = "context"
    FIDELITY = "fidelity"


class Kind(StrEnum):
    """Who does it: an artifact, a tool that is no model, or another runtime with the same weights."""

    ARTIFACT = "artifact"
    BASELINE = "baseline"
    PEER = "peer"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who is measured, by kind and name; an artifact's name is its label."""

    kind: Kind
    name: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """An artifact on this disk under its label, with the hash of all its files; `reference` is another's label."""

    label: str
    model: str
    artifact: Artifact
    sha256: str
    reference: str | None

    @property
    def task(self) -> Task:
        """What it does."""
        return self.artifact.recipe.task

    @property
    def penalty(self) -> float:
        """Its recipe's for repetitions."""
        return self.artifact.recipe.decoding.repetition_penalty


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What may be chosen for a run; None where it makes no sense."""

    threads: int | None = None
    drafts: bool | None = None
    in_flight: int | None = None
    method: Method | None = None

    def text(self) -> str:
        """In words; what is usual is left out."""
        words = [f"{self.threads} threads" if self.threads != 1 else "1 thread"] if self.threads else []
        words += ["no drafts"] if self.drafts is False else []
        words += [f"{self.in_flight} in flight"] if (self.in_flight or 1) > 1 else []
        words += [str(self.method)] if self.method is Method.SCORE else []
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One of the things to measure. `documents` is the name of the set; `reference` the cell it is compared with."""

    id: str
    measure: Measure
    subject: Subject
    task: Task
    documents: str | None
    setting: Setting
    reference: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        words = self.setting.text()
        what = "" if self.measure is Measure.DOCUMENTS else f"{self.measure}: "
        return f"{what}{self.subject.name}{f', {words}' if words else ''}"

    def as_dict(self) -> dict[str, Any]:
        """As a `cell` row has it."""
        return {
            "cell": self.id,
            "name": self.name,
            "measure": self.measure,
            "subject": asdict(self.subject),
            "task": self.task,
            "set": self.documents,
            "settings": asdict(self.setting),
            "reference": self.reference,
        }


def digest(content: object) -> str:
    """Sixteen hexadecimal digits of plain data, the same wherever it is computed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
