"""The file a bench writes, results.jsonl: rows are appended and flushed, and read back as what counts of them.

    run, limits, artifact       once a run
    sample, output, context     raw, while a cell is measured
    cell, fidelity, quality     once a cell; failure: whatever went wrong; money: the bill

A killed bench leaves a file that the next one goes on with: cells of the last run's list count, each by its last row,
with the samples of that same run. Knows no figure and no model.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgedoc.console import json_line
from edgedoc.errors import OutputError, UsageError
from edgedoc_bench.corpus import Sample

NAME = "results.jsonl"
SCHEMA = 1
OK = "ok"
Row = dict[str, Any]


class Results:
    """What a folder of results says. `cut`: its last line was cut off mid-line and is left out."""

    def __init__(self, folder: Path, rows: list[Row], *, cut: bool) -> None:
        self.folder, self.cut, self._rows = folder, cut, rows
        self.header = next(row for row in reversed(rows) if row["kind"] == "run")
        wanted: list[str] = self.header["cells"]
        last = {row["cell"]: row for row in rows if row["kind"] == "cell"}
        # Of a suite that was given full precision later, cells measured before are compared with it as well.
        references: dict[str, str | None] = self.header.get("references", {})
        self.cells: tuple[Row, ...] = tuple(
            last[cell] | ({"reference": references[cell]} if cell in references else {})
            for cell in wanted
            if cell in last
        )
        """Finished cells, failed and skipped ones too, in the order of the suite."""
        self._runs = {row["cell"]: row["run"] for row in self.cells}

    @property
    def machine(self) -> Row:
        """`machine.Machine` as a table."""
        found: Row = self.header["machine"]
        return found

    @property
    def missing(self) -> tuple[str, ...]:
        """Cells the last run should have measured and did not."""
        return tuple(cell for cell in self.header["cells"] if cell not in self._runs)

    @property
    def limits(self) -> Row | None:
        """What the machine can do at most; None when it was not measured."""
        return next((row for row in reversed(self._rows) if row["kind"] == "limits"), None)

    @property
    def artifacts(self) -> dict[str, Row]:
        """Those of the last run that had any, by their labels."""
        return {row["artifact"]: row for row in self.of("artifact")}

    def samples(self, cell: str) -> list[Row]:
        """The measured repetitions of a cell, its warm-up left out."""
        return [row for row in self._of_cell("sample", cell) if row["round"] > 0]

    def outputs(self, cell: str) -> list[Row]:
        """What a cell answered, a row for every document."""
        return self._of_cell("output", cell)

    def context(self, cell: str) -> list[Row]:
        """The sweep over depths of a cell, its warm-up left out."""
        return [row for row in self._of_cell("context", cell) if row["round"] > 0]

    def of(self, kind: str) -> list[Row]:
        """Rows of a kind that count: failures and fidelity of the run that measured a cell, or of the last one.

        Of judgements, which are made anew by every run, those of the last that made any; of bills the last run's.
        """
        rows = [row for row in self._rows if row["kind"] == kind and row.get("cell") in (None, *self.header["cells"])]
        if kind in ("failure", "fidelity"):
            return [row for row in rows if row["run"] == self._runs.get(row["cell"], self.header["run"])]
        last = max((row["run"] for row in rows), default=0) if kind != "money" else self.header["run"]
        return [row for row in rows if row["run"] == last]

    def text(self, output: Row) -> str:
        """What a row of `outputs` points to. Raises UsageError when the file is gone."""
        try:
            text: str = (self.folder / output["file"]).read_text("utf-8")
            return text
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.folder / output['file']} cannot be read: {error}. Run the bench again.") from error

    def documents(self, name: str, task: str) -> tuple[Sample, ...]:
        """The documents of a set as they were measured. Raises UsageError when the file is gone."""
        path = documents_path(self.folder, name, task)
        try:
            return tuple(Sample.from_dict(json.loads(line)) for line in path.read_text("utf-8").split("\n") if line)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path} cannot be read: {error}. Run the bench again.") from error

    def _of_cell(self, kind: str, cell: str) -> list[Row]:
        return [
            row
            for row in self._rows
            if row["kind"] == kind and row["cell"] == cell and row["run"] == self._runs.get(cell)
        ]


def documents_path(folder: Path, name: str, task: str) -> Path:
    """Where a set is kept as measured; a path becomes its last name."""
    return folder / "documents" / f"{Path(name).name.split('.')[0]}-{task}.jsonl"


def documents_text(samples: Iterable[Sample]) -> str:
    """What the file at `documents_path` holds: a line a document, in ASCII."""
    return "".join(json.dumps(sample.as_dict(), ensure_ascii=True) + "\n" for sample in samples)


def read(path: Path) -> Results:
    """Results from their folder or file. Raises UsageError for what no bench of this version wrote."""
    file = path / NAME if path.is_dir() else path
    rows, cut = _read_rows(file)
    if not rows:
        raise UsageError(f"{file} holds no results. Make some with: edgedoc bench quick --out {file.parent}")
    return Results(file.parent, rows, cut=cut)


class Writer:
    """Appends rows, each with the system before `add` returns. Use as a context manager."""

    def __init__(self, path: Path, run: int) -> None:
        self._path, self.run = path, run
        self._file = path.open("a", encoding="utf-8", newline="\n")

    @classmethod
    def open(cls, folder: Path) -> "Writer":
        """Go on with the results in `folder`, or begin them; a line cut off mid-line is dropped.

        Raises UsageError when another version wrote them, OutputError when the place cannot be written.
        """
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            rows, cut = _read_rows(path) if path.exists() else ([], False)
            if cut:
                with path.open("r+b") as file:
                    file.truncate(path.read_bytes().rfind(b"\n") + 1)
            return cls(path, 1 + max((row["run"] for row in rows), default=0))
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written: {error.strerror or error}. Choose another place with --out."
            ) from error

    def add(self, kind: str, fields: Mapping[str, object]) -> None:
        """Append one row. Raises OutputError."""
        try:
            self._file.write(json_line({"kind": kind, "run": self.run, **fields}))
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {error.strerror or error}. Make room and start again: "
                "the bench goes on where it was."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _read_rows(file: Path) -> tuple[list[Row], bool]:
    """Rows, and whether a last one was cut off; a file that begins with none is empty."""
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from error
    rows = list(_parsed(lines[:-1], file))
    # A writer ends every row with a line feed, so what follows the last one is a row that was not finished.
    return rows, bool(lines[-1])


def _parsed(lines: list[bytes], file: Path) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{file} is damaged in line {number}: {error}. Choose another folder.") from error
        if number == 1 and not (isinstance(row, dict) and row.get("kind") == "run" and "schema" in row):
            raise UsageError(f"{file} was not written by edgedoc bench. Choose another folder with --out.")
        if not isinstance(row, dict) or "kind" not in row or "run" not in row:
            raise UsageError(f"{file} is damaged in line {number}. Choose another folder.")
        if row["kind"] == "run" and row["schema"] != SCHEMA:
            raise UsageError(
                f"{file} has schema {row['schema']} and this edgedoc reads {SCHEMA}: measure again in another folder, "
                "or upgrade with: pip install -U edgedoc"
            )
        yield row
