"""Makes the cells of a suite: every combination of what there is to measure and how. Measures nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product

from edgedoc.engines import ENGINES
from edgedoc.engines.host import usable_cores
from edgedoc.recipes import Method, Mode, Task
from edgedoc_bench.baselines import package_version
from edgedoc_bench.cells import Cell, Given, Kind, Measure, Setting, Subject, digest
from edgedoc_bench.peers import FORMATS, peer_name, runs
from edgedoc_bench.suite import Suite, Work


class Expansion:
    """The cells of a suite and the artifacts there are. `versions` is all else that figures depend on."""

    def __init__(
        self,
        suite: Suite,
        given: Sequence[Given],
        digests: Mapping[tuple[str, Task], str],
        versions: Mapping[str, object],
    ) -> None:
        """`digests`: set and task -> hash of the documents."""
        self._suite, self._given, self._digests, self._versions = suite, given, digests, versions

    def cells(self) -> list[Cell]:
        """In the order they are measured in: those that are compared side by side stand together."""
        found = []
        if {"speed", "energy", "quality"} & {*self._suite.metrics}:
            found += [cell for work in self._suite.tasks for cell in self._documents(work)]
        if "context" in self._suite.metrics:
            found += list(self._context())
        if "fidelity" in self._suite.metrics:
            found += [cell for work in self._suite.tasks for cell in self._fidelity(work)]
        return list({cell.id: cell for cell in found}.values())

    def _documents(self, work: Work) -> Iterator[Cell]:
        for baseline in work.baselines:
            subject = Subject(kind=Kind.BASELINE, name=baseline)
            yield self._cell(Measure.DOCUMENTS, subject, work, Setting(), package_version(baseline) or "")
        made: dict[tuple[str, Setting], Cell] = {}
        for given in self._of(work):
            for setting in self._settings(given):
                cell = self._cell(
                    Measure.DOCUMENTS, Subject(kind=Kind.ARTIFACT, name=given.label), work, setting, given.sha256
                )
                made[given.label, setting] = cell
        references = {given.label: given.reference for given in self._given}
        for (label, setting), cell in made.items():
            compared = made.get((references[label] or "", setting))
            yield replace(cell, reference=compared.id if compared else None)
        for peer, threads in product(work.peers, self._threads()):
            for name, sha256 in self._in_other_hands(peer, work):
                # In another environment the peer is of another version.
                weights = filter(None, (sha256, self._suite.pythons.get(peer)))
                yield self._cell(
                    Measure.DOCUMENTS, Subject(kind=Kind.PEER, name=name), work, Setting(threads=threads), *weights
                )

    def _in_other_hands(self, peer: str, work: Work) -> Iterator[tuple[str, str]]:
        """Name and hash of what a peer runs: every artifact of its format, or each checkpoint once."""
        if FORMATS[peer] is not None:
            for given in self._of(work):
                if runs(peer, given.artifact.format, given.artifact.manifest.preset):
                    yield peer_name(peer, given.label), given.sha256
            return
        for model, given in {given.model: given for given in reversed(self._of(work))}.items():
            yield peer_name(peer, model), given.sha256

    def _context(self) -> Iterator[Cell]:
        tasks = {work.task: work for work in self._suite.tasks}
        for given, threads in product(self._given, self._threads()):
            wanted = self._suite.context.models
            if given.task in tasks and (wanted is None or given.model in wanted):
                subject = Subject(kind=Kind.ARTIFACT, name=given.label)
                work = replace(tasks[given.task], documents="")
                yield self._cell(Measure.CONTEXT, subject, work, Setting(threads=threads), given.sha256)

    def _fidelity(self, work: Work) -> Iterator[Cell]:
        digests = {given.label: given.sha256 for given in self._given}
        for given in self._of(work):
            if given.reference is not None and given.reference in digests:
                subject = Subject(kind=Kind.ARTIFACT, name=given.label)
                yield self._cell(
                    Measure.FIDELITY,
                    subject,
                    work,
                    Setting(threads=self._threads()[0]),
                    given.sha256,
                    digests[given.reference],
                )

    def _of(self, work: Work) -> list[Given]:
        return [
            given
            for given in self._given
            if given.task is work.task and (work.models is None or given.model in work.models)
        ]

    def _threads(self) -> list[int]:
        return list(dict.fromkeys(threads or usable_cores() for threads in self._suite.settings.threads))

    def _settings(self, given: Given) -> Iterator[Setting]:
        wanted = self._suite.settings
        if given.task is Task.READER:
            for threads, drafts, in_flight in product(self._threads(), wanted.drafts, wanted.in_flight):
                if in_flight > 1 and not ENGINES[str(given.artifact.format)].batches:
                    continue
                yield Setting(threads=threads, drafts=drafts, in_flight=in_flight)
            return
        chunking = given.artifact.recipe.chunking
        assert chunking is not None
        methods = wanted.methods or (chunking.method,)
        for threads, drafts, method in product(self._threads(), wanted.drafts, methods):
            # Scoring writes neither topic nor summary, and has nothing to draft.
            if method is Method.GENERATE:
                yield Setting(threads=threads, drafts=drafts, method=method)
            elif given.artifact.recipe.mode is Mode.SIMPLE:
                yield Setting(threads=threads, method=method)

    def _cell(self, measure: Measure, subject: Subject, work: Work, setting: Setting, *weights: str) -> Cell:
        suite = self._suite
        repeated = {"rounds": suite.rounds, "seconds": suite.seconds} if measure is not Measure.FIDELITY else {}
        depths = {"depths": suite.context.depths, "decode": suite.context.decode} if measure is Measure.CONTEXT else {}
        identity = {
            "measure": measure,
            "subject": asdict(subject),
            "weights": weights,
            "task": work.task,
            "documents": self._digests.get((work.documents, work.task)),
            "setting": asdict(setting),
            "versions": self._versions,
            **repeated,
            **depths,
        }
        return Cell(
            id=digest(identity),
            measure=measure,
            subject=subject,
            task=work.task,
            documents=work.documents or None,
            setting=setting,
        )
