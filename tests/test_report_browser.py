"""The report in a real browser, at a laptop's and a phone's width: measured there, sorted there, and pictured."""

import json
import re
import shutil
import struct
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from bench_results import write_results
from edgedoc_bench import report

BROWSER = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here; Debian's package is chromium")
WIDTHS = {"laptop": 1280, "phone": 390}
PROBE = """<script>
for (const part of document.querySelectorAll("details")) part.open = true;
const boxes = plot => [...plot.querySelectorAll(".label")].map(l => l.getBoundingClientRect());
const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
const plots = [...document.querySelectorAll("svg.plot")].map(plot => {
  const own = plot.getBoundingClientRect(), labels = boxes(plot);
  const texts = [...plot.querySelectorAll("text")].map(t => t.getBoundingClientRect());
  return {width: own.width, labels: labels.length,
    outside: texts.filter(t => t.left < own.left - 1 || t.right > own.right + 1 || t.bottom > own.bottom + 1).length,
    overlaps: labels.flatMap((a, i) => labels.slice(i + 1).filter(b => overlap(a, b))).length,
    tall: Math.min(...[...plot.querySelectorAll(".tick, .label")].map(t => t.getBoundingClientRect().height))};
});
const table = document.querySelector("table");
const names = () => [...table.tBodies[0].rows].map(r => r.cells[0].textContent);
const column = [...table.tHead.rows[0].cells].findIndex(c => c.textContent === "s/document");
const click = () => { table.tHead.rows[0].cells[column].querySelector("button").click(); return names(); };
const found = {inner: innerWidth, scroll: document.documentElement.scrollWidth, plots, before: names(), up: click(),
  down: click(),
  columns: new Set([...document.querySelectorAll("figure")].map(f => f.getBoundingClientRect().left)).size,
  first: table.tBodies[0].rows[0].cells[0].getBoundingClientRect().width, ink: getComputedStyle(document.body).color};
const told = parent.document.createElement("pre"); told.id = "told"; told.textContent = JSON.stringify(found);
parent.document.body.append(told);
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all that a report may have."""
    return report.write(write_results(tmp_path_factory.mktemp("report"), prices=True))


def _run(page: Path, width: int, *options: str) -> str:
    assert BROWSER is not None
    # Any name a page might ask for is unknown: it has to do without.
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [
        f"--user-data-dir={page.parent / 'profile'}",
        "--hide-scrollbars",
        f"--window-size={width},2400",
        *options,
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def _measured(page: Path, width: int, *options: str) -> dict[str, Any]:
    # In a frame: no window of Chromium's is narrower than 500.
    probed = escape(page.read_text("utf-8").replace("</body>", f"{PROBE}</body>"))
    frame = page.with_name("frame.html")
    frame.write_text(
        f'<!DOCTYPE html><iframe width="{width}" height="900" style="border:0" srcdoc="{probed}"></iframe>', "utf-8"
    )
    told = re.search(r'<pre id="told">(.*?)</pre>', _run(frame, width, "--dump-dom", *options), re.DOTALL)
    assert told is not None, "the page's own script failed"
    found: dict[str, Any] = json.loads(unescape(told[1]))
    return found


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_cut_off_or_covered(width: int, page: Path) -> None:
    found = _measured(page, width)

    assert found["inner"] == width
    assert found["scroll"] <= width, "the page scrolls sideways"
    assert len(found["plots"]) == 12
    for plot in found["plots"]:
        assert plot["outside"] == plot["overlaps"] == 0
        assert plot["labels"] >= 4
        assert plot["width"] > 300
        assert plot["tall"] >= 8, "too small to read"
    assert found["columns"] == (1 if width < 600 else 3)
    assert found["first"] > 80, "the names are squeezed"


def test_a_click_sorts_and_another_sorts_the_other_way(page: Path) -> None:
    found = _measured(page, WIDTHS["laptop"])

    assert found["up"][:3] == ["rules", "trafilatura", "gguf int4"]
    assert found["down"][0] == "gguf f32"
    assert found["up"][-1] == found["down"][-1] == "openvino-genai", "without a figure is last either way"
    assert sorted(found["up"]) == sorted(found["before"])


def test_dark_is_dark(page: Path) -> None:
    light = _measured(page, WIDTHS["phone"])["ink"]
    dark = _measured(page, WIDTHS["phone"], "--blink-settings=preferredColorScheme=0")["ink"]

    assert sum(map(int, re.findall(r"\d+", light))) < 200 < sum(map(int, re.findall(r"\d+", dark)))


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_picture_is_not_empty(width: int, page: Path, tmp_path: Path) -> None:
    empty = page.with_name("empty.html")
    empty.write_text("<!DOCTYPE html><title>x</title>", "utf-8")
    sizes = []
    for source in (page, empty):
        picture = tmp_path / f"{source.stem}.png"
        _run(source, width, f"--screenshot={picture}")
        data = picture.read_bytes()
        assert struct.unpack(">II", data[16:24]) == (width, 2400)
        sizes.append(len(data))

    assert sizes[0] > 8 * sizes[1]
