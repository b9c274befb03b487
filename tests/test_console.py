"""What the command line says and where: sizes, JSON, progress without a terminal, how a run ends."""

import json
from collections.abc import Callable

import pytest

from edgedoc import console
from edgedoc.errors import DocumentError, MissingModelError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("600M", 600_000_000),
        ("2G", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        (" 64 kb ", 64_000),
        ("4096", 4096),
        ("0", 0),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert console.size(text) == expected


@pytest.mark.parametrize("text", ["", "abc", "5i", "-1G", "1e9", "12 G B", "1T", "1.G", "9" * 400])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="not an amount of memory"):
        console.size(text)


def test_json_has_the_schemas_version_first(capsys: pytest.CaptureFixture[str]) -> None:
    console.data({"text": "日本"}, one_line=True)
    console.data([1, 2])
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first == '{"schema": 1, "text": "日本"}'
    assert json.loads(rest) == {"schema": 1, "rows": [1, 2]}


def test_without_a_terminal_a_stage_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress() as report:
        for done in range(3):
            report("write", done, 2)
        report.say("a remark")
        report("quantise", 0, 1)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["write ...", "a remark", "quantise ..."]
    assert captured.out == ""
    with console.passing_progress() as nothing:
        assert nothing is None


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_what_may_move(monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert console.moving() == (not variable)


def _raising(error: BaseException) -> Callable[[], object]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DocumentError("It is empty."), 1, "edgedoc: It is empty.\n"),
        (UsageError("No."), 2, "edgedoc: No.\n"),
        (MissingModelError("Not here."), 3, "edgedoc: Not here.\n"),
        (KeyboardInterrupt(), 130, "edgedoc: interrupted\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
        (
            ZeroDivisionError("by zero"),
            1,
            "edgedoc: unexpected ZeroDivisionError: by zero. This is a defect; edgedoc --debug ... shows where.\n",
        ),
    ],
)
def test_how_a_run_ends(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(console, "debug", False)
    assert console.run(_raising(error)) == code
    assert capsys.readouterr() == ("", said)


def test_tracebacks_on_request_and_the_code_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "debug", True)
    assert console.run(_raising(UsageError("No."))) == 2
    assert "Traceback" in capsys.readouterr().err
