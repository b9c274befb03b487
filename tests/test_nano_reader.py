"""The bundled model does what its card says, on pages it has never seen; full figures: models/training/evaluate.py."""

import json
import random
from pathlib import Path

import pytest

from edgedoc.documents.clean import clean
from edgedoc.documents.rules import convert
from edgedoc.tasks.reader import Fallback, Reader
from edgedoc_bench.fidelity import sample_pages
from edgedoc_export.build import export

pytest.importorskip("llama_cpp")
Levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
RESULTS = Path(__file__).parents[1] / "bench" / "results" / "nano-reader.json"


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nano-reader at eight bits, what `edgedoc convert` uses when nothing else is said."""
    return export("nano-reader", preset="int8", out=tmp_path_factory.mktemp("nano") / "int8")


def test_sample_pages_come_out_right(artifact: Path) -> None:
    """The demo's pages, without the stand-in: nothing flagged, and nearly what the rules would say."""
    with Reader.open(artifact, fallback=Fallback.NONE) as reader:
        for page in sample_pages():
            conversion = reader.convert(page)
            wanted = convert(clean(page.decode()).html)
            assert conversion.flagged == 0
            assert Levenshtein.normalized_similarity(wanted, conversion.markdown.strip()) >= 0.9


def test_words_nobody_taught_it_are_copied(artifact: Path) -> None:
    """Letters at random: whoever gets these right has learnt to copy, not a lexicon."""
    rng = random.Random(20)

    def word() -> str:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 11)))

    with Reader.open(artifact, fallback=Fallback.NONE) as reader:
        similarities = []
        for _ in range(6):
            paragraphs = [" ".join(word() for _ in range(12)) for _ in range(3)]
            page = f"<h1>{word()} {word()}</h1>" + "".join(f"<p>{text}.</p>" for text in paragraphs)
            wanted = convert(clean(page).html)
            similarities.append(Levenshtein.normalized_similarity(wanted, reader.convert(page).markdown.strip()))
    assert sum(similarities) / len(similarities) >= 0.985


def test_card_shows_the_committed_figures() -> None:
    """The model card's table is the committed measurement, not somebody's memory of it."""
    if not RESULTS.exists():
        pytest.skip("not a checkout")
    card = (RESULTS.parents[2] / "models/edgedoc_models/checkpoints/nano-reader/README.md").read_text("utf-8")
    result = json.loads(RESULTS.read_text("utf-8"))
    for measured in result["presets"].values():
        for key in ("synthetic", "synthetic_unseen_words"):
            assert f"{measured[key]['levenshtein_similarity_mean']:.4f}" in card
            assert f"{measured[key]['exact_share']:.1%}" in card
    for value in result["docs_pages"]["token_f1"].values():
        assert f"{value:.3f}" in card
