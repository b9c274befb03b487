"""Every error edgedoc raises on purpose, in one tree; knows nothing of what raised it.

    EdgedocError                 1   a document or an operation failed
    ├── UsageError               2   options that cannot go together, an unknown name
    ├── MissingError             3   something is not on this machine: package, model, memory, file
    │   ├── MissingPackageError      an optional package; the message names the extra
    │   ├── MissingModelError        no such recipe, checkpoint, artifact, or hub out of reach
    │   └── NotEnoughMemoryError     refused before loading, with the numbers
    ├── CheckpointError          1   the source is not a checkpoint edgedoc can read
    ├── ArtifactError            1   an artifact, bundle or model file is broken or foreign
    ├── EngineError              1   the runtime failed; foreign exceptions end here
    ├── DocumentError            1   an input document cannot be processed
    └── OutputError              1   the destination cannot be written

The number is the exit code of the command line. A message is one or two sentences and says what to do next.
"""


class EdgedocError(Exception):
    """Root of the tree. `exit_code` is what the command line returns for it."""

    exit_code = 1


class UsageError(EdgedocError):
    """The request itself makes no sense: an unknown name, options that exclude each other."""

    exit_code = 2


class MissingError(EdgedocError):
    """Something is missing on this machine; the message names the command that gets it."""

    exit_code = 3


class MissingPackageError(MissingError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Get it with: pip install 'edgedoc[{extra}]'")
        self.package = package
        self.extra = extra


class MissingModelError(MissingError):
    """No such model here, and the hub cannot be reached or does not have it."""


class NotEnoughMemoryError(MissingError):
    """The model with its KV cache does not fit; raised before anything is loaded."""


class CheckpointError(EdgedocError):
    """The source folder or file is not a checkpoint edgedoc can read."""


class ArtifactError(EdgedocError):
    """An artifact folder or bundle is incomplete, altered or not edgedoc's."""


class EngineError(EdgedocError):
    """The inference runtime failed."""


class DocumentError(EdgedocError):
    """A document cannot be processed: unreadable, not text, too large."""


class OutputError(EdgedocError):
    """The destination cannot be written: permissions, disk full, it already exists."""
