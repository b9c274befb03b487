"""The file of labels: JSON lines, appended to and on disk line by line, so that a killed run loses no answer.

Knows not what a label is, only which texts have one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from edgedoc.errors import OutputError

BEGIN = b'{"hash": "'
"""How every line starts: a rest that starts so is a line of ours that was cut off."""


class LabelFile:
    """Labels written so far; use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        """Open or make it; a last line that was cut off is removed.

        Raises OutputError when it cannot be written, or holds anything that is not labels: it is then left as it is.
        """
        self.path = path
        self.labelled: set[str] = set()
        """Hashes of the texts that need not be asked about again."""
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is no file that can be gone on with. Choose another place with --out.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._take_over()
        except OSError as error:
            self._file.close()
            raise self._failed(error) from error
        except OutputError:
            self._file.close()
            raise

    def append(self, hash: str, row: Mapping[str, object], *, labelled: bool = False) -> None:
        """Write one line and wait until the disk has it. Raises OutputError."""
        # Escaped where a lone surrogate stands, which UTF-8 cannot carry.
        text = json.dumps({"hash": hash, **row}, ensure_ascii=False)
        try:
            line = text.encode()
        except UnicodeEncodeError:
            line = json.dumps({"hash": hash, **row}).encode()
        try:
            self._file.write(line + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error
        if labelled:
            self.labelled.add(hash)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "LabelFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_over(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            try:
                row = json.loads(line)
                hash, topic = row["hash"], row.get("topic")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                if not line.endswith(b"\n") and _is_cut_off(line):
                    self._file.truncate(whole)
                    return
                raise OutputError(
                    f"{self.path} holds something else than labels (line {number}) and is left as it is. "
                    "Choose another file with --out."
                ) from error
            if topic is not None:
                self.labelled.add(hash)
            whole += len(line)
            if not line.endswith(b"\n"):
                self._file.write(b"\n")

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written: {error.strerror or error}. Make room or choose another place with --out."
        )


def _is_cut_off(line: bytes) -> bool:
    # A power cut can leave zeros where the file had already grown.
    said = line.rstrip(b"\0")
    return said.startswith(BEGIN) or BEGIN.startswith(said)
