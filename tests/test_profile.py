"""Step costs on disk: measured once for an artifact, a machine and a runtime; a bad file is measured over."""

import json
from pathlib import Path

import pytest

from edgedoc import fastest
from edgedoc.artifact import Artifact
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.tasks import profile
from edgedoc.tasks.profile import profile_of, profiles
from edgedoc.tasks.speculation import PLAIN, speculation


@pytest.fixture
def artifact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, artifact_folder: Path) -> Artifact:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    return Artifact.open(artifact_folder)


def engine() -> ScriptedEngine:
    return ScriptedEngine(lambda _: 3)


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "profile").glob("*"))


def test_an_artifact_is_measured_once(artifact: Artifact, tmp_path: Path) -> None:
    first, idle = profile_of(artifact, engine(), threads=1), engine()
    assert profile_of(artifact, idle, threads=1) == first
    assert idle.calls == []
    assert (first.recipe, first.threads, first.unit) == ("nano-reader", 1, None)
    assert len(files(tmp_path)) == 1
    profile_of(artifact, engine(), threads=2)
    assert len(files(tmp_path)) == 2, "another number of threads costs something else"
    assert sorted(found.threads for found in profiles()) == [1, 2]


def test_the_unit_is_looked_for_when_it_is_asked_for(artifact: Artifact) -> None:
    assert profile_of(artifact, engine(), threads=1).unit is None
    assert profile_of(artifact, engine(), threads=1, unit=True).unit == 2
    assert profile_of(artifact, engine(), threads=1).unit == 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 1}', '{"schema": 99}', '{"schema": 1, "seconds": {"2": 1.0}}', "\xff"]
)
def test_a_file_that_is_no_profile_is_measured_over(artifact: Artifact, tmp_path: Path, content: str) -> None:
    first = profile_of(artifact, engine(), threads=1)
    (path,) = files(tmp_path)
    path.write_text(content, "latin-1")
    again = profile_of(artifact, engine(), threads=1)
    assert tuple(again.seconds) == tuple(first.seconds)
    assert json.loads(path.read_text())["schema"] == profile.SCHEMA


def test_another_runtime_is_another_profile(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_of(artifact, engine(), threads=1)
    monkeypatch.setattr(profile, "_runtime", lambda _: "llama-cpp-python 9")
    assert list(profiles()) == []
    profile_of(artifact, engine(), threads=1)
    assert len(files(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_no_failure(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "file"))
    assert profile_of(artifact, engine(), threads=1).seconds


def test_nothing_is_measured_where_nothing_is_drafted(artifact: Artifact, tmp_path: Path) -> None:
    assert speculation(artifact, engine(), threads=1, drafts=False, exact=False) is PLAIN
    assert files(tmp_path) == []
    plain = speculation(artifact, engine(), threads=1, drafts=False, exact=True)
    assert (plain.pace, plain.unit) == (None, 2)


def test_without_a_unit_exact_means_no_drafts(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "exact_unit", lambda _: None)
    found = speculation(artifact, engine(), threads=1, drafts=True, exact=True)
    assert (found.pace, found.unit) == (None, 1)
    assert speculation(artifact, engine(), threads=1, drafts=True, exact=False).pace is not None


def test_the_ranking_names_the_fastest_of_each_recipe(artifact: Artifact) -> None:
    assert "--measure" in fastest.lines(fastest.ranking())[0][1]
    profile_of(artifact, engine(), threads=1)
    profile_of(artifact, engine(), threads=2)
    rows = fastest.ranking()
    assert [row["fastest"] for row in rows] == [True, False]
    rates = [row["drafted_tokens_per_second"] for row in rows]
    assert rates == sorted(rates, reverse=True)  # type: ignore[type-var]
    shown = fastest.lines(rows)
    assert [title for title, _ in shown] == ["fastest", ""]
    assert "nano-reader gguf" in shown[0][1]
