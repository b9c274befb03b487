"""Price files, and the bill they make: three conventions, never mixed, nothing assumed."""

from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import UsageError
from edgedoc_bench import prices
from edgedoc_bench.money import bill

HEAD = 'currency = "EUR"\ndate = 2026-11-01\nsource = "a list"\n'
CLOUD = "[cloud]\nper_hour = 0.36\nutilisation = 0.5\n"
OWNED = "[owned]\nprice = 876.6\nlife_years = 2.0\nduty = 0.5\nper_kwh = 0.5\n"
ENERGY = "[energy]\nper_kwh = 0.36\n"


def _load(tmp_path: Path, text: str) -> prices.Prices:
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return prices.load(path)


def _cell(joules: float | None) -> dict[str, Any]:
    summary = {
        "seconds": {"mean": 2.0},
        "joules_per_document": joules,
        "prefill_tokens_per_second": {"median": 1000.0},
        "decode_tokens_per_second": {"median": 10.0},
    }
    return {"cell": "a", "measure": "documents", "summary": summary}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + CLOUD.replace("per_hour = 0.36\n", ""), "'cloud.per_hour' is missing"),
        (HEAD + CLOUD.replace("0.36", "-0.36"), "'cloud.per_hour' is -0.36, and cannot be negative"),
        (HEAD + CLOUD.replace("0.36", "nan"), "'cloud.per_hour' is nan, which is no number"),
        (HEAD + CLOUD.replace("0.36", "true"), "'cloud.per_hour' is True, which is no number"),
        (HEAD + CLOUD.replace("0.5", "80"), "'cloud.utilisation' is 80, and is a share"),
        (HEAD + OWNED.replace("duty = 0.5", "duty = 0"), "'owned.duty' is 0"),
        (HEAD + OWNED + "watt = 10\n", "'owned.watt' is not a field"),
        (HEAD + OWNED + "watts = -10\n", "'owned.watts' is -10, and cannot be negative"),
        (HEAD + ENERGY + "[clouds]\n", "'clouds' is not a field"),
        (HEAD.replace("date = 2026-11-01\n", "") + CLOUD, "'date' is missing"),
        (HEAD.replace("2026-11-01", '"last year"') + CLOUD, "'date' is the day"),
        (HEAD, "nothing to charge"),
        ("cloud = 1", "'currency' is missing"),
        (HEAD + "cloud = 1", "'cloud' is a table"),
        ("[", "cannot be read"),
    ],
)
def test_a_field_that_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _load(tmp_path, text)


def test_a_rented_hour_is_shared_by_what_it_does(tmp_path: Path) -> None:
    [row] = bill(_cell(None), _load(tmp_path, HEAD + CLOUD))
    # 0.36 an hour, half of it idle: 0.0002 a second.
    assert row["convention"] == "cloud" and row["currency"] == "EUR" and row["reason"] is None
    assert row["per_1000_documents"] == pytest.approx(0.4)
    assert row["per_million_tokens_in"] == pytest.approx(0.2)
    assert row["per_million_tokens_out"] == pytest.approx(20.0)


def test_owned_hardware_is_paid_off_over_the_hours_it_works(tmp_path: Path) -> None:
    # Two years of 8,766 hours, half of them at work: 0.1 an hour, and 100 W at 0.5: 0.05.
    [row] = bill(_cell(None), _load(tmp_path, HEAD + OWNED + "watts = 100\n"))
    assert row["per_1000_documents"] == pytest.approx(2000 * 0.15 / 3600)
    [counted] = bill(_cell(200.0), _load(tmp_path, HEAD + OWNED))
    assert counted["per_1000_documents"] == pytest.approx(row["per_1000_documents"])


def test_energy_that_nobody_counted_is_unknown(tmp_path: Path) -> None:
    stated = _load(tmp_path, HEAD + CLOUD + OWNED + ENERGY)
    rows = {row["convention"]: row for row in bill(_cell(None), stated)}
    assert list(rows) == ["cloud", "owned", "energy"]
    assert rows["cloud"]["per_1000_documents"] is not None
    for convention in ("owned", "energy"):
        assert rows[convention]["per_1000_documents"] is None and "no counter" in rows[convention]["reason"]
    [counted] = [row for row in bill(_cell(200.0), stated) if row["convention"] == "energy"]
    # 200 J a document are 200,000 J a thousand: 1/18 kWh.
    assert counted["per_1000_documents"] == pytest.approx(0.02)


def test_what_has_no_figures_has_no_bill(tmp_path: Path) -> None:
    stated = _load(tmp_path, HEAD + CLOUD)
    assert list(bill({**_cell(None), "summary": None}, stated)) == []
    assert list(bill({**_cell(None), "measure": "context"}, stated)) == []
