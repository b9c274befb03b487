"""The draft bench: its arithmetic on made-up answers, its turns and processes, what it keeps, a run in miniature."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgedoc.decoding.pace import Costs
from edgedoc.errors import UsageError
from edgedoc.recipes import load_recipe
from edgedoc.tokens import Tokenizer
from edgedoc_bench import draft_ours
from edgedoc_bench.draft_bench import resume
from edgedoc_bench.draft_bounds import bound
from edgedoc_bench.draft_cells import CARD, DECODING, EVERY, EXACT, FLYING, MAIN, OURS, WRONG, Contender, take_turns
from edgedoc_bench.draft_ours import WrongTrail
from edgedoc_bench.draft_pairs import ratio, rows_a_step, same, speed, tokens_a_step
from edgedoc_bench.draft_table import page
from edgedoc_bench.draft_targets import targets
from edgedoc_bench.draft_windows import WINDOW_TOKENS, Page, load_pages, passages, shortest_pages
from edgedoc_export.build import export


def _answer(
    tokens: int, seconds: float, *, steps: int | None = None, drafted: int = 0, ids: str = "a"
) -> dict[str, Any]:
    return {
        "ids": ids,
        "text": ids,
        "finish": "stop",
        "output_tokens": tokens,
        "steps": tokens + 1 if steps is None else steps,
        "drafted": drafted,
        "accepted": drafted,
        "decode_seconds": seconds,
        "prefill_seconds": 1.0,
        "seconds": seconds + 1.0,
    }


def test_ratios_are_within_a_window_and_of_the_totals() -> None:
    ours, theirs = [_answer(10, 1.0), _answer(30, 1.0), _answer(10, 10.0)], [_answer(10, 2.0)] * 2 + [_answer(10, 40.0)]
    found = ratio(ours, theirs)
    assert (found.median, found.lower, found.upper, found.pairs) == (4.0, 3.0, 5.0, 3)
    # 50 tokens in 12 seconds over 30 in 44.
    assert found.totals == pytest.approx(50 / 12 * 44 / 30)
    assert found.worst == 4.0
    assert ratio([{"seconds": 1.0}], [{"seconds": 2.5}], speed).median == 2.5


def test_all_answers_the_same_are_all_the_same() -> None:
    answers = [_answer(3, 1.0, ids="x"), _answer(3, 1.0, ids="y")]
    assert same(answers, answers) == 2
    assert same(answers, answers[::-1], "text") == 0


def test_steps_are_counted_without_the_prompts() -> None:
    # A step writes the token that the last one foresaw: 9 tokens after the prompt's, and the stop token.
    drafted = [_answer(10, 1.0, steps=3, drafted=12)]
    assert tokens_a_step(drafted) == 5.0
    assert rows_a_step(drafted) == 7.0
    assert tokens_a_step([_answer(10, 1.0)]) == 1.0


def test_limits_come_from_the_costs_of_a_step_and_from_what_it_reads() -> None:
    artifact = {"seconds": {"1": 0.1, "4": 0.4, "8": 0.4}, "weights": 700, "position_bytes": 1.0}
    # A tenth of a second a step, and 100 tokens in the cache: 95 of prompt and half of the 10.
    plain = bound([_answer(10, 1.0)], [95], artifact, bandwidth=8000.0)
    assert (plain.rows, plain.step, plain.reading, plain.cost) == pytest.approx((1.0, 0.1, 0.1, 0.1))
    assert plain.reads and plain.reached == pytest.approx(1.0) and plain.bandwidth_reached == pytest.approx(1.0)
    drafted = bound([_answer(10, 1.2, steps=3, drafted=2)], [95], artifact, bandwidth=80_000.0)
    assert (drafted.rows, drafted.step, drafted.cost) == pytest.approx((2.0, 0.6, 0.2))
    assert not drafted.reads and drafted.reached == pytest.approx(1 / 3)
    beyond = bound([_answer(10, 1.0, steps=2, drafted=40)], [95], artifact, bandwidth=8000.0)
    assert beyond.cost == 0.4


def test_everybody_does_a_window_before_anybody_does_the_next() -> None:
    log: list[tuple[str, int]] = []

    class Recorded:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, work: int) -> dict[str, Any]:
            log.append((self.name, work))
            return {"work": work}

    workers: Any = {name: Recorded(name) for name in "abc"}
    answers = take_turns(workers, [0, 1, 2], lambda done, total: None)
    assert [name for name, _ in log] == list("abccbaabc")
    assert all([one["work"] for one in found] == [0, 1, 2] for found in answers.values())


def test_wrong_trails_follow_the_text_and_are_never_right() -> None:
    trail = WrongTrail([5, 0, 7, 8])
    assert trail.propose(3) == [4, 1, 6]
    assert [trail.add(token) for token in (5, 0, 7, 8)] == [False] * 4
    assert trail.agreed == 4
    # Nothing was proposed at its end, and so nothing was wrong.
    assert trail.propose(3) == [] and trail.add(9) is None


def test_finished_cells_are_kept_for_the_same_setup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, setup = tmp_path / "drafts.json", {"size": "nano", "windows": [1]}
    assert resume(path, setup, {}) == {"setup": setup, "cells": {}}
    cells = {"decode": {"pages": None}, "flight": {"pages": ["a"]}, "pages": {"pages": ["b"]}}
    path.write_text(json.dumps({"setup": setup, "cells": cells}), "utf-8")
    kept = resume(path, setup, {"flight": ["a"], "pages": ["b", "c"]})
    assert list(kept["cells"]) == ["decode", "flight"]
    assert resume(path, {**setup, "size": "0.5b"}, {"flight": ["a"]})["cells"] == {}
    told = capsys.readouterr().err
    assert "kept" in told and "decode, flight" in told and "another setup" in told


def test_windows_are_one_a_page_of_the_right_size_and_accepted() -> None:
    recipe = load_recipe("nano-reader")
    tokenizer = Tokenizer.from_file(sample_tokenizer())
    pages = [_page(number, paragraphs) for number, paragraphs in enumerate((1, 2, 2, 1, 2, 2))]
    refused: list[str] = []

    def fits(html: str) -> bool:
        refused.extend([html] if not refused else [])
        return html not in refused

    found = passages(pages, recipe, tokenizer, 2, fits)
    assert len({one.origin for one in found}) == 2
    assert not {one.html for one in found} & set(refused)
    for one in found:
        assert WINDOW_TOKENS[0] <= one.document_tokens <= WINDOW_TOKENS[1]
        assert one.document_tokens == tokenizer.count(one.html) < len(one.tokens)
        assert one.budget == recipe.decoding.budget(one.document_tokens)
    assert found == passages(pages, recipe, tokenizer, 2, lambda html: html not in refused)
    with pytest.raises(UsageError, match="Only 4 windows"):
        passages(pages, recipe, tokenizer, 5, lambda html: True)
    assert [one.id for one in shortest_pages(pages, tokenizer, 2)] == ["0", "3"]


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are no pages"):
        load_pages(tmp_path)


def test_targets_name_their_cells_and_what_is_missing() -> None:
    found = {target.figure: target for target in targets(_cells(), [230, 330])}
    best = found["decode tokens/s, our best over create_completion"]
    assert "onnx int8, drafts on: 60.0" in best.beside and best.value == 6.0 and best.met
    rival = found["the same over the better of the peers' n-gram drafts"]
    assert "onnxruntime-genai" in rival.beside and rival.value == pytest.approx(1.5)
    assert rival.met is False and rival.verdict() == "NO, 16.7% short"
    # A step of 11 costs T(11) = 0.1667 and writes 6 tokens; a plain one T(1) = 0.1, and the found ratio is 6.
    assert best.bound == "arithmetic: T(k) of both allows 3.60, 167% reached"
    assert found["gguf q4_0, drafts on over off"].value == pytest.approx(2.0)
    # Of four answers with drafts one has other ids; the exact ones are compared with plain ones in the same steps.
    assert found["windows identical to plain greedy, without --exact"].value == 0.75
    exact = found["windows identical to plain greedy, with --exact"]
    assert exact.value == 1.0 and exact.beside == "2 of 2, 2 artifacts; 0 also to plain steps of one token"
    assert found[f"pages/s, {FLYING} in flight over one, drafts on"].value == 2.0
    assert "at most 2.0 x faster" in found[f"pages/s, {FLYING} in flight over one, drafts on"].bound
    assert [target.value for target in targets({}, [])] == [None] * 10
    assert {target.verdict() for target in targets({}, [])} == {"not measured"}


def test_the_page_tells_targets_bounds_and_a_busy_machine() -> None:
    setup = {"model": "nano-reader", "size": "0.5b", "threads": 2}
    windows = [{"document_tokens": tokens, "prompt_tokens": tokens + 30} for tokens in (200, 300)]
    told = page({"setup": {**setup, "windows": windows}, "cells": _cells()}, "the machine")
    assert "of 250 tokens (200-300)" in told and "reader-lm-0.5b's shapes" in told
    assert "**The machine was busy (wrong): times say little" in told
    assert "NO, 16.7% short" in told and "| 1 of 2 |" in told
    assert "| edgedoc, onnx int8, drafts on | 60.0 |" in told
    assert "| arithmetic |" in told and "| k | 1 | 16 | unit |" in told
    assert told.endswith("the machine\n")


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("gguf", "llama_cpp", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    pages, out = tmp_path / "pages", tmp_path / "drafts.json"
    pages.mkdir()
    for number in range(2):
        (pages / f"{number}.html").write_text(_page(number, 2).html, "utf-8")
    command = [sys.executable, "-P", "-m", "edgedoc_bench.draft_bench", "--size", "nano", "--pages", str(pages)]
    command += ["--windows", "1", "--threads", "1", "--folder", str(tmp_path / "models"), "--out", str(out)]
    done = subprocess.run([*command, "--only", "wrong"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert out.with_suffix(".md").read_text("utf-8") == done.stdout.removesuffix("\n")
    cells = json.loads(out.read_text("utf-8"))["cells"]
    assert list(cells) == ["wrong"]
    for artifact in MAIN:
        found = {one.drafts: cells["wrong"]["answers"][one.name][0] for one in WRONG if one.artifact == artifact}
        # Whether a wrong draft is tried depends on what steps cost here: see the next test.
        assert found["off"]["drafted"] == found["wrong"]["accepted"] == 0
        assert found["wrong"]["steps"] == found["off"]["steps"]


def test_wrong_drafts_are_tried_where_steps_of_many_tokens_are_cheap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    folder = export("nano-reader", format="onnx", preset="int8", out=tmp_path / "artifact")
    monkeypatch.setattr(draft_ours, "profile_of", lambda *_, **__: SimpleNamespace(costs=Costs({1: 1.0, 16: 1.0})))
    answers = {}
    for drafts in ("off", "wrong"):
        with draft_ours.open_reader(folder, drafts, 1, 1) as reader:
            ((_, answers[drafts]),) = reader.answers(_page(0, 2).html)
    wrong, off = answers["wrong"], answers["off"]
    assert (wrong.tokens, wrong.steps) == (off.tokens, off.steps)
    assert off.drafted == wrong.accepted == 0 < wrong.drafted


def sample_tokenizer() -> Path:
    """nano-reader's."""
    from edgedoc_export.sources import find_source

    return find_source("nano-reader").folder / "tokenizer.json"


def _page(number: int, paragraphs: int) -> Page:
    words = ("the quick brown fox jumps over a lazy dog and runs away",) * 3
    text = "".join(f"<p>Paragraph {index} of page {number}: {' '.join(words)}.</p>" for index in range(paragraphs))
    return Page(id=str(number), html=f"<html><body><main><h1>Page {number}</h1>{text}</main></body></html>")


def _cells() -> dict[str, Any]:
    """Two windows; ours with drafts are as fast as the peer's times 6 and 2, and one answer of theirs differs."""
    speeds = {
        ("llama-cpp-python", "gguf q4_0", "off"): 10.0,
        ("llama-cpp-python", "gguf q4_0", "on"): 12.0,
        ("onnxruntime-genai", "onnx int8", "on"): 40.0,
        ("onnxruntime-genai", "onnx int4", "on"): 30.0,
        (OURS, "gguf q4_0", "off"): 10.0,
        (OURS, "gguf q4_0", "on"): 20.0,
        (OURS, "onnx int8", "off"): 10.0,
        (OURS, "onnx int8", "on"): 60.0,
    }

    def answers(contender: Contender, every: int) -> Iterator[dict[str, Any]]:
        rate = speeds.get((contender.who, contender.artifact, contender.drafts), 10.0)
        drafting = contender.drafts.startswith("on")
        for number in range(0, 2, every):
            other = contender == Contender(OURS, "onnx int8", "on") and number == 1
            ids = "other" if other else f"{number}{contender.drafts[-5:] == 'exact'}"
            yield _answer(60, 60 / rate, steps=11 if drafting else None, drafted=100 if drafting else 0, ids=ids)

    cells: dict[str, Any] = {
        name: {"load_average": 0.1, "answers": {one.name: list(answers(one, EVERY[name])) for one in contenders}}
        for name, contenders in (("decode", DECODING), ("exact", EXACT), ("wrong", WRONG))
    }
    cells["wrong"]["load_average"] = 3.0
    cost = {"seconds": {"1": 0.1, "16": 0.2}, "unit": 4, "weights": 1e8, "position_bytes": 1e4}
    artifacts = dict.fromkeys(("gguf q4_0", "gguf int8", "onnx int8", "onnx int4"), cost)
    cells["costs"] = {"load_average": 0.1, "artifacts": artifacts, "bandwidth": 2e10}
    turns = {"1 in flight": [{"seconds": 8.0, "prefill_seconds": 4.0}], "8 in flight": [{"seconds": 4.0}]}
    cells["flight"] = {"load_average": 0.1, "answers": turns}
    whole = {"prompt_tokens": 900, "output_tokens": 100, "prefill_seconds": 1.0, "decode_seconds": 1.0}
    ours = {Contender(OURS, name, "on").name: [{**whole, "seconds": 2.0}] for name in MAIN}
    cells["pages"] = {"load_average": None, "pages": ["p"], "answers": {**ours, CARD: [{**whole, "seconds": 50.0}]}}
    return cells
