"""What a worker says survives the pipe, and what it does not say is not believed."""

from io import BytesIO

import pytest

from edgedoc.batch.messages import Collapse, Ready, Refusal, Result
from edgedoc.batch.replies import Reply, read, write

RESULT = Result("00", b"\x00row\xff", "failed", "é \ud800", 3, 0.5, ("one", "two"))


@pytest.mark.parametrize("reply", [Ready(), Refusal("no", 3), Collapse("boo"), RESULT])
def test_a_reply_is_read_as_it_was_written(reply: Reply) -> None:
    pipe = BytesIO()
    write(pipe, reply)
    write(pipe, Ready())
    pipe.seek(0)
    assert [read(pipe), read(pipe)] == [reply, Ready()]
    with pytest.raises(EOFError):
        read(pipe)


def test_a_reply_that_is_cut_short_or_foreign_is_none() -> None:
    pipe = BytesIO()
    write(pipe, RESULT)
    whole = pipe.getvalue()
    for size in (0, 4, 20, len(whole) - 1):
        with pytest.raises(EOFError):
            read(BytesIO(whole[:size]))
    for head in (b"[]", b"5", b'{"kind": "Opening"}', b'{"kind": "Ready", "x": 1}', b'{"kind": "Result"}', b"\xff\xff"):
        with pytest.raises(ValueError):
            read(BytesIO(len(head).to_bytes(4, "little") + bytes(4) + head))
