"""Other runtimes as cells: what they are given, what is made of their answers. None of them is needed here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgedoc.tokens import Tokenizer
from edgedoc_bench import draft_peers, peer_transformers, peers, suite
from edgedoc_bench.cell_contract import Order
from edgedoc_bench.cell_summary import summarise
from edgedoc_bench.corpus import Sample

PAGE = Sample(id="a", kind="page", source="<h1>One</h1>" + "<p>The quick brown fox. The lazy dog.</p>" * 60)


def _order(name: str, **more: Any) -> Order:
    return Order(measure="documents", kind="peer", name=name, task="reader", threads=1, **more)


def test_every_peer_of_a_suite_is_known() -> None:
    assert set(peers.FORMATS) == set(suite.PEERS)
    assert peers.runs("openvino-genai", "gguf", "int8") and not peers.runs("openvino-genai", "gguf", "f32")
    assert not peers.runs("openvino-genai", "onnx", "int8")


def test_a_runtime_gets_the_windows_edgedoc_makes(
    tiny_artifacts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_artifacts["int8"]
    tokenizer, asked = Tokenizer.from_file(folder / "tokenizer.json"), []

    def load(given: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        assert (given["artifact"], given["threads"], given["drafts"]) == (str(folder), 1, "off")

        def work(passage: dict[str, Any]) -> dict[str, Any]:
            assert len(passage["tokens"]) + passage["budget"] <= given["context"]
            asked.append(tokenizer.decode(passage["tokens"]))
            return {
                "text": f" answer {len(asked)} ",
                "output_tokens": 4,
                "finish": "stop",
                "steps": 5,
                "prefill_seconds": 0.5,
                "decode_seconds": 0.25,
            }

        return work

    monkeypatch.setitem(draft_peers.LOADERS, "llama-cpp-python", load)
    name = peers.peer_name("llama-cpp-python", "tiny gguf int8")
    found = peers.WindowSubject(_order(name, model=str(folder)), [PAGE]).serve(0)
    assert len(asked) > 1 and "<h1>One" in asked[0] and "quick brown" in asked[-1]
    assert found.text is not None
    assert all(f"answer {number}" in found.text for number in range(1, len(asked) + 1))
    [row] = found.rows
    assert row["windows"] == len(asked) and row["output_tokens"] == 4 * len(asked)
    assert row["first_token"] > 0.5 and row["prefill_seconds"] == 0.5 * len(asked)
    assert found.output["finish"] == ["stop"] * len(asked)
    assert summarise([{**row, "round": 1, "joules": None}])["decode_tokens_per_second"]["median"] == pytest.approx(16)


def test_a_prompt_asked_again_is_read_again(tiny_artifacts: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    read: list[int] = []
    extend = llama_cpp.Llama.eval

    def counted(self: Any, tokens: Any) -> Any:
        read.append(len(tokens))
        return extend(self, tokens)

    monkeypatch.setattr(llama_cpp.Llama, "eval", counted)
    folder = str(tiny_artifacts["int8"])
    work = draft_peers.load_llama({"artifact": folder, "threads": 1, "context": 64, "drafts": "off"})
    first, second = list(range(300, 320)), list(range(300, 310)) + list(range(400, 410))
    prompts = []
    for tokens in (first, first, second):
        read.clear()
        work({"tokens": tokens, "budget": 2})
        prompts.append(read[0])

    assert prompts == [20, 20, 10], "what a prompt shares with the one before is no reading, unless it is the same"


def test_the_card_gets_the_whole_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(checkpoint: str, threads: int | None, penalty: float) -> Callable[[str], dict[str, Any]]:
        assert (checkpoint, threads, penalty) == ("somewhere", 1, 1.08)

        def work(page: str) -> dict[str, Any]:
            assert page == PAGE.source
            rates = {"prefill_seconds": 1.0, "decode_seconds": 2.0, "seconds": 3.0}
            return {"text": "answer", "prompt_tokens": 70, "output_tokens": 20, "finish": "length", **rates}

        return work

    monkeypatch.setattr(peer_transformers, "load", load)
    order = _order("transformers-fp32: tiny", model="somewhere", penalty=1.08)
    found = peers.CardSubject(order, [PAGE]).serve(0)
    [row] = found.rows
    assert (found.text, found.seconds, row["first_token"], row["prefill_tokens"]) == ("answer", 3.0, 1.0, 70)
    assert found.output["finish"] == ["length"]
