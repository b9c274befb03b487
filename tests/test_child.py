"""A process that answers questions: what it loads, refuses, prints, and how its end is told."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedoc_bench.child import Child, Died, Refused

ECHO = """
import os, sys
from edgedoc.errors import UsageError
from edgedoc_bench.child import serve

def load(given):
    os.system("echo noise of a library")
    if "package" in given:
        import no_such_package
    def work(asked):
        if "die" in asked:
            sys.exit("the last words")
        if "wrong" in asked:
            raise UsageError("that is none")
        return {"sum": given["start"] + asked["add"], "home": os.environ.get("EDGEDOC_HOME")}
    return {"was": "loaded"}, work

serve(load)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a module of some source that a child process can run, and gives its name."""

    def make(source: str) -> str:
        (tmp_path / "a_child.py").write_text(source, "utf-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        return "a_child"

    return make


def test_a_child_answers_and_its_library_may_chatter(module: Callable[[str], str], tmp_path: Path) -> None:
    with Child(module(ECHO), {"start": 40}, home=tmp_path) as child:
        assert child.loaded == {"was": "loaded"}
        assert child.ask({"add": 2}) == {"sum": 42, "home": str(tmp_path)}
        with pytest.raises(Refused, match="that is none") as refused:
            child.ask({"wrong": True})
        assert (refused.value.error, refused.value.missing) == ("UsageError", False)
        assert child.ask({"add": 3})["sum"] == 43
        with pytest.raises(Died, match="a_child ended with exit code 1: the last words"):
            child.ask({"die": True})
        with pytest.raises(Died, match="exit code 1"):
            child.ask({"add": 3})


def test_a_package_that_is_not_there_is_missing(module: Callable[[str], str]) -> None:
    with pytest.raises(Refused, match="no_such_package") as found:
        Child(module(ECHO), {"package": True})
    assert found.value.missing


def test_a_module_that_is_not_there_is_told() -> None:
    with pytest.raises(Died, match="exit code 1: .*no_such_contender"):
        Child("no_such_contender", {})


def test_a_process_that_dies_says_how(module: Callable[[str], str]) -> None:
    with pytest.raises(Died, match="exit code 3: it was like this") as found:
        Child(module("import sys; print('it was like this', file=sys.stderr); sys.exit(3)"), {}, timeout=60.0)
    assert (found.value.stage, found.value.code) == ("crash", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix'")
def test_a_process_that_is_killed_says_by_what(module: Callable[[str], str]) -> None:
    with pytest.raises(Died, match="by signal 9") as found:
        Child(module("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), {}, timeout=60.0)
    assert (found.value.stage, found.value.code) == ("crash", -9)


def test_a_process_that_hangs_is_ended(module: Callable[[str], str]) -> None:
    child = Child(module("import time; print('{}', flush=True); time.sleep(60)"), {}, timeout=0.2)
    with pytest.raises(Died, match="no answer within") as found:
        child.ask(0)
    child.close()
    child.close()
    assert found.value.stage == "timeout"


def test_a_python_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be started") as found:
        Child("edgedoc_bench.cell_process", {}, python=str(tmp_path / "python"))
    assert found.value.missing
