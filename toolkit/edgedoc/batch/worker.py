"""The process a document is processed in, so that what it does to an engine it does to nobody else.

`python -m edgedoc.batch.worker`: an `Opening` on stdin, `Ready` on stdout, then a `Document` in, a `Result` out.
Started afresh, never forked: the threads of an engine do not survive a fork. Knows no job; ends when its stdin does.
"""

import os
import pickle
import queue
import signal
import sys
import threading
from typing import BinaryIO

from edgedoc.batch.messages import Collapse, Document, Opening, Ready, Refusal
from edgedoc.batch.replies import Reply, write
from edgedoc.errors import EdgedocError


def main() -> None:
    """The whole life of a worker."""
    # Ctrl-C reaches every process of a terminal; what it means is for the job to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _channels()
    try:
        opening: Opening = pickle.load(requests)
    except (EOFError, pickle.UnpicklingError):
        return
    try:
        process = opening.open()
    except EdgedocError as error:
        _say(replies, Refusal(str(error), error.exit_code))
        return
    _say(replies, Ready())
    inbox: queue.SimpleQueue[Document] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    while True:
        document = inbox.get()
        try:
            result = process(document)
        # The border of the process. A tokenizer's PanicException is no Exception, and whatever this is, the state of
        # the engine is not to be trusted after it.
        except BaseException as failure:
            _say(replies, Collapse(f"{type(failure).__name__}: {failure}"))
            os._exit(1)
        _say(replies, result)


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """stdin and stdout for ourselves: a library that prints must not speak to the job."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, replies


def _listen(requests: BinaryIO, inbox: "queue.SimpleQueue[Document]") -> None:
    """Pass on what comes in. At the end nobody wants an answer, be it that all is done or that the job was killed."""
    while True:
        try:
            inbox.put(pickle.load(requests))
        except (EOFError, OSError, pickle.UnpicklingError):
            # Native libraries like to crash when they are taken down in order.
            os._exit(0)


def _say(replies: BinaryIO, message: Reply) -> None:
    try:
        write(replies, message)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
