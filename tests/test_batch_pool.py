"""Workers that crash, hang, eat memory or cannot start cost their document at most, and never more than they may.

The documents say themselves what happens to their worker: see tests/batch_functions.py.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import batch_functions
from edgedoc.batch import rows
from edgedoc.batch.child import Limits
from edgedoc.batch.messages import Document, Opening, Result
from edgedoc.batch.pool import Pool
from edgedoc.errors import EngineError, MissingError
from edgedoc.tasks.pipeline import Kind

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are ended by signals")
_FAIL = partial(rows.unsurvived, artifacts={})


def _documents(*texts: str) -> Iterator[Document]:
    for number, text in enumerate(texts):
        yield Document(str(number), text.encode(), Kind.HTML, None, f"{number}.html")


def _pool(
    workers: int = 1, *, seconds: float | None = 60, memory: int | None = None, opening: Opening | None = None
) -> Pool:
    return Pool(opening or batch_functions.opening(), workers, Limits(seconds=seconds, memory=memory), _FAIL)


def _run(pool: Pool, *texts: str) -> dict[str, Result]:
    with closing(pool):
        results = list(pool.run(_documents(*texts), lambda: False))
    assert len(results) == len({result.id for result in results}) == len(texts)
    return {result.id: result for result in results}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_document_has_one_result(workers: int) -> None:
    found = _run(_pool(workers), *(f"text {number}" for number in range(20)))
    assert all(result.status == "ok" and result.chunks == 1 for result in found.values())


def test_a_document_that_crashes_its_worker_twice_has_failed_and_no_other() -> None:
    pool = _pool(2)
    found = _run(pool, "a", "CRASH", "b", "c", "CRASH", "d")
    assert [found[str(number)].status for number in range(6)] == ["ok", "failed", "ok", "ok", "failed", "ok"]
    assert "Twice the model's process was ended by signal 11 (SIGSEGV)" in str(found["1"].error)
    assert pool.restarts == 4


def test_a_crash_that_does_not_come_again_costs_nothing(tmp_path: Path) -> None:
    pool = _pool()
    assert {result.status for result in _run(pool, "a", f"ONCE {tmp_path / 'mark'}", "b").values()} == {"ok"}
    assert pool.restarts == 1


def test_a_document_that_hangs_is_ended_at_the_limit() -> None:
    started = time.monotonic()
    found = _run(_pool(seconds=1), "a", "HANG", "b")
    assert [found[str(number)].status for number in range(3)] == ["ok", "failed", "ok"]
    assert "longer than 1 s" in str(found["1"].error) and "--time-limit" in str(found["1"].error)
    assert time.monotonic() - started < 60


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is watched where the system says it")
def test_a_document_that_eats_memory_is_ended_at_the_limit() -> None:
    found = _run(_pool(memory=400 * 10**6), "a", f"EAT {600 * 10**6}", "b")
    assert [found[str(number)].status for number in range(3)] == ["ok", "failed", "ok"]
    assert "more than the 400 MB it may" in str(found["1"].error)


def test_what_nobody_foresaw_fails_its_document_and_is_not_tried_again() -> None:
    pool = _pool()
    found = _run(pool, "RAISE boo", "b")
    assert (found["0"].status, found["1"].status) == ("failed", "ok")
    assert "_Panic: boo" in str(found["0"].error)
    assert pool.restarts == 1


def test_what_a_library_prints_is_no_answer() -> None:
    assert _run(_pool(), "PRINT", "b")["0"].status == "ok"


@pytest.mark.parametrize(("name", "error"), [("missing", MissingError), ("broken", EngineError)])
def test_a_worker_that_cannot_start_ends_the_job(name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"no such model|before the models were loaded.*SIGSEGV"):
        _run(_pool(2, opening=batch_functions.opening(name)), "a", "b", "c")


def test_documents_are_taken_as_there_are_workers_free() -> None:
    taken = 0

    def counted() -> Iterator[Document]:
        nonlocal taken
        for document in _documents(*(f"text {number}" for number in range(50))):
            taken += 1
            yield document

    with closing(_pool(2)) as pool:
        for done, _ in enumerate(pool.run(counted(), lambda: False)):
            assert taken <= done + 4


def test_stopping_ends_after_the_documents_in_hand() -> None:
    results: list[Result] = []
    with closing(_pool()) as pool:
        for result in pool.run(_documents(*(f"text {number}" for number in range(50))), lambda: bool(results)):
            results.append(result)
    assert 1 <= len(results) <= 3


def test_leaving_early_leaves_no_process_and_a_pool_that_works() -> None:
    pool = _pool(2)
    results = pool.run(_documents("a", "HANG", "HANG", "HANG"), lambda: False)
    assert next(results).id == "0"
    pids = [child.pid for child in pool._children]
    results.close()
    assert {result.status for result in pool.run(_documents("c"), lambda: False)} == {"ok"}
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="processes are looked up where the system lists them"
)
def test_a_worker_ends_when_its_job_is_killed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("HANG")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "batch_job", "out.jsonl", "1", "a.html"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as job:
        worker = _child_of(job.pid)
        time.sleep(0.5)
        job.kill()
    deadline = time.monotonic() + 30
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def _child_of(pid: int) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if words:
            return int(words[0])
        time.sleep(0.05)
    raise AssertionError("no worker was started")
