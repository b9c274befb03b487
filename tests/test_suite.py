"""Suites: the shipped ones load, and what is spelt wrong is refused by name."""

import re
from pathlib import Path

import pytest

from edgedoc.errors import UsageError
from edgedoc.recipes import Task
from edgedoc_bench import suite

LEAST = '[[models]]\nmodel = "nano-reader"\n[[tasks]]\ntask = "reader"\n'


def _parse(text: str) -> suite.Suite:
    return suite.parse('name = "mine"\n' + text, "mine.toml")


def test_the_shipped_suites_load() -> None:
    assert {"quick", "full"} <= set(suite.shipped())
    for name in suite.shipped():
        found = suite.load(name)
        assert found.suite.name == name and len(found.sha256) == 64
        if name in ("quick", "full"):
            assert found.suite.metrics == suite.METRICS
            assert {work.task for work in found.suite.tasks} == {Task.READER, Task.CHUNKER}


def test_what_is_left_out_has_a_meaning() -> None:
    found = _parse(LEAST)
    [models], [work] = found.models, found.tasks
    assert models.presets == ("f32", "int8", "int4") and models.reference == "f32"
    assert [str(format) for format in models.formats] == ["gguf", "onnx"]
    assert work.documents == "samples" and work.limit is None and work.models is None
    assert found.settings.threads == (0,) and found.settings.methods == ()
    assert found.context.depths[-1] == 32768


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('metrics = ["spead"]\n' + LEAST, "'spead' is no metric.*Did you mean speed"),
        ("round = 3\n" + LEAST, "'round' is no key.*Did you mean rounds"),
        (LEAST + 'document = "samples"', "tasks: 'document' is no key.*Did you mean documents"),
        (LEAST + 'peers = ["llama-cpp"]', "'llama-cpp' is no peer.*Did you mean llama-cpp-python"),
        (LEAST + 'models = ["nano-raeder"]', "'nano-raeder' is no model of this suite.*Did you mean nano-reader"),
        (LEAST + "[settings]\nthread = [1]\n", "settings: 'thread' is no key.*Did you mean threads"),
        (LEAST + '[settings]\nthreads = ["two"]\n', "threads.0.*should be an integer"),
        (LEAST + '[pythons]\ntransformers = "python3"\n', "'transformers' is no peer.*transformers-fp32"),
        (LEAST + "limit = 0\n", "tasks.limit is at least 1, not 0"),
        ("rounds = 0\n" + LEAST, "rounds is at least 1, not 0"),
        ("timeout = 0.0\n" + LEAST, "timeout is more"),
        ('[[models]]\nmodel = "nano-reader"\npresets = ["int8"]\n', "compared with f32, which is not among"),
        ('[[models]]\nmodel = "nano-reader"\n', "there is nothing to measure"),
        ('tasks = "reader"\n', "'tasks' should be a list"),
        ('[[tasks]]\ntask = "chunker"\npeers = ["llama-cpp-python"]\n', "peers only read"),
        ('[[tasks]]\ntask = "chunking"\n', "'tasks.0..task' is 'chunking', which is none of reader, chunker"),
        ("[[tasks]\n", "not valid TOML"),
        (
            LEAST + '[[models]]\nmodel = "elsewhere/nano-reader"\n',
            "and elsewhere/nano-reader have the same last name",
        ),
        (LEAST + '[[models]]\nmodel = "nano-reader"\nformats = ["gguf"]\n', "made twice as gguf f32"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(text: str, said: str) -> None:
    if "no [[tasks]]" in said or ("models" in text and "tasks" not in text and "compared" in said):
        text += '[[tasks]]\ntask = "reader"\n'
    with pytest.raises(UsageError, match=said):
        _parse(text)


def test_a_model_may_be_made_in_parts_and_beside_its_stand_in() -> None:
    entry = '[[models]]\nmodel = "nano-reader"\nformats = ["{}"]\n{}'
    parts = entry.format("gguf", "") + entry.format("onnx", "") + entry.format("gguf", 'stand_in = "widened"\n')
    assert len(_parse(parts + '[[tasks]]\ntask = "reader"\n').models) == 3


def test_an_unknown_suite_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no suite quik.*Did you mean quick"):
        suite.load("quik")
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\n' + LEAST, "utf-8")
    found = suite.load(str(path))
    assert found.suite.name == "own" and found.base == tmp_path


def test_the_pattern_in_the_full_suite_names_keys_there_are() -> None:
    text = suite.load("full").text
    whole = re.sub(r"^# (?=\[pythons\]|[a-z0-9_-]+ = )", "", text, flags=re.MULTILINE)
    found = suite.parse(whole, "full.toml")
    assert found.timeout == suite.load("full").suite.timeout and found.metrics == suite.METRICS
    assert found.tasks[0].limit == 100 and found.context.models == ("nano-reader",)
    assert list(found.pythons) == ["transformers-fp32"]
