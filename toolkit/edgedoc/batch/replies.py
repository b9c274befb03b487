"""What a worker says, as bytes on a pipe: a head in JSON, and the row. Knows no process.

Not pickled, as what goes to a worker is: a worker reads documents of strangers with native code, and what it says after
that is data to the job and nothing that could run there.
"""

import json
import struct
from typing import IO

from edgedoc.batch.messages import Collapse, Ready, Refusal, Result

Reply = Ready | Refusal | Collapse | Result
_KINDS: dict[str, type[Reply]] = {kind.__name__: kind for kind in (Ready, Refusal, Collapse, Result)}
_SIZES = struct.Struct("<II")


def write(file: IO[bytes], reply: Reply) -> None:
    """Send one off. Raises OSError."""
    fields = reply._asdict()
    row = fields.pop("row", b"")
    head = json.dumps({"kind": type(reply).__name__, **fields}).encode()
    file.write(_SIZES.pack(len(head), len(row)) + head + row)
    file.flush()


def read(file: IO[bytes]) -> Reply:
    """The next one. Raises EOFError at the end and ValueError for what is no reply."""
    head_size, row_size = _SIZES.unpack(_exactly(file, _SIZES.size))
    fields = json.loads(_exactly(file, head_size))
    row = _exactly(file, row_size)
    try:
        kind = _KINDS[fields.pop("kind")]
        if kind is Result:
            fields |= {"row": row, "remarks": tuple(fields["remarks"])}
        return kind(**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a worker said something that is no reply") from error


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data
