"""Baselines by name: what each gives, what happens without its package, and the splitter against LangChain's."""

import builtins
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc.errors import MissingPackageError, UsageError
from edgedoc_bench import baselines
from edgedoc_bench.corpus_pages import bundled
from edgedoc_bench.recursive_splitter import split

PACKAGES = {
    "trafilatura": "trafilatura",
    "readability+markdownify": "markdownify",
    "semantic-text-splitter": "semantic_text_splitter",
}
TEXT = "One two three.\n\nFour five.\nSix seven eight nine.\n\n" * 20


@pytest.mark.parametrize("name", baselines.READERS)
def test_readers_keep_the_text_of_a_page(name: str) -> None:
    pytest.importorskip(PACKAGES.get(name, "html_to_markdown"))
    page = next(sample for sample in bundled() if sample.id == "article/orchard")
    found = baselines.reader(name)(page.source)

    assert "forty-one apple trees" in found
    assert "color:red" not in found


@pytest.mark.parametrize("name", baselines.CHUNKERS)
def test_chunkers_cut_inside_the_text_in_order_and_not_at_its_start(name: str) -> None:
    pytest.importorskip(PACKAGES.get(name, "edgedoc"))
    found = baselines.chunker(name)(TEXT, 120.0)

    assert found == sorted(set(found))
    assert all(0 < start < len(TEXT) for start in found)
    assert bool(found) == (name != "none")
    assert baselines.chunker(name)("", 100.0) == []


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_a_missing_package_is_said_with_the_extra(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(module: str, *rest: Any) -> Any:
        if module.split(".")[0] == package:
            raise ImportError(module)
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"edgedoc\[bench\]"):
        baselines.reader(name) if name in baselines.READERS else baselines.chunker(name)


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean trafilatura"):
        baselines.reader("trafilatra")
    with pytest.raises(UsageError, match="Did you mean recursive"):
        baselines.chunker("recursiv")


def test_floors_cut_as_often_as_they_should() -> None:
    paragraphs = TEXT.count("\n\n")

    assert baselines.chunker("none")(TEXT, 100.0) == []
    assert len(baselines.chunker("all")(TEXT, 100.0)) == paragraphs - 1
    assert len(baselines.chunker("uniform")(TEXT, len(TEXT) / 4)) in (3, 4)
    assert baselines.chunker("random")(TEXT, 100.0) == baselines.chunker("random")(TEXT, 100.0)


def test_versions_are_told() -> None:
    assert str(baselines.package_version("rules")).startswith("html-to-markdown ")
    assert baselines.package_version("none") is None


@given(st.text("ab \n", max_size=200), st.integers(1, 30))
def test_the_splitter_tiles_and_keeps_the_limit(text: str, size: int) -> None:
    found = split(text, size)

    assert "".join(text[start:end] for start, end in found) == text
    assert all(0 < end - start <= size for start, end in found)


@pytest.mark.parametrize("size", [40, 150, 700])
def test_the_splitter_cuts_where_langchains_does(size: int) -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    splitter = splitters.RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0, add_start_index=True)
    text = "\n\n".join(f"{'word ' * (n * 7 % 31)}\nline {n}\n  {'x' * (n * 13 % 90)}" for n in range(40))
    expected = [chunk.metadata["start_index"] for chunk in splitter.create_documents([text])]
    found = [
        start + len(part) - len(part.lstrip()) for start, end in split(text, size) if (part := text[start:end]).strip()
    ]

    assert found == expected
