"""How the report looks, and the one thing it does: sort its tables. Plain text to be put into the page."""

CSS = """
:root { color-scheme: light dark; --ink: #1a1c1e; --soft: #5b6066; --paper: #fff; --panel: #f5f6f7; --line: #d9dcdf;
  --gguf: #0072b2; --onnx: #b86e00; --baseline: #00795a; --peer: #a5477f; --front: #8a8f95; --best: #e3f1e9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaec; --soft: #a2a8ae; --paper: #15171a; --panel: #1e2125;
  --line: #363b41; --gguf: #56b4e9; --onnx: #e69f00; --baseline: #2fc598; --peer: #dd8fbd; --front: #7d838a;
  --best: #17382a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 20px 16px 60px; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .4em 0 .2em; } h2 { font-size: 1.25rem; margin: 2em 0 .5em;
  padding-top: .6em; border-top: 1px solid var(--line); } h3 { font-size: 1.02rem; margin: 1.5em 0 .4em; }
p, ul { margin: .5em 0; max-width: 76ch; } ul { padding-left: 1.2em; } li { margin: .2em 0; }
.soft, caption { color: var(--soft); font-size: .87rem; text-align: left; } code { font-size: .9em; }
.choice { background: var(--panel); border-left: 4px solid var(--gguf); padding: .7em 1em; margin: .8em 0;
  max-width: 76ch; }
.choice strong { font-size: 1.1rem; } .warning { border-left: 4px solid var(--onnx); background: var(--panel);
  padding: .5em 1em; max-width: 76ch; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 10px 18px; }
figure { margin: 0; max-width: 460px; } figcaption { font-size: .87rem; font-weight: 600; }
svg.plot { width: 100%; height: auto; display: block; font-family: system-ui, sans-serif; }
.plot .tick, .plot .axis { font-size: 10.5px; fill: var(--soft); } .plot .label { font-size: 10.5px; fill: var(--ink);
  paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.plot .grid { stroke: var(--line); stroke-width: .7; } .plot .front { stroke: var(--front); stroke-width: 1.3;
  stroke-dasharray: 4 3; fill: none; } .plot .leader { stroke: var(--soft); stroke-width: .6; }
.gguf { fill: var(--gguf); } .onnx { fill: var(--onnx); } .baseline { fill: var(--baseline); }
.peer { fill: var(--peer); }
.ring { fill: none; stroke: var(--ink); stroke-width: 1.2; }
.keys { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: .87rem; } .key { white-space: nowrap; }
.key svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 5px; }
.key .front { display: inline-block; width: 22px; border-top: 2px dashed var(--front); vertical-align: 4px;
  margin-right: 5px; }
.scroll { overflow-x: auto; margin: .6em 0; }
table { border-collapse: collapse; font-size: .85rem; overflow-wrap: normal;
  font-variant-numeric: tabular-nums; }
th, td { padding: 4px 9px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; } td.wide { white-space: normal; text-align: left; min-width: 16em; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--line); white-space: normal; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--gguf); }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
td.best { background: var(--best); } td small { color: var(--soft); display: block; }
details { margin: .5em 0; } summary { cursor: pointer; font-weight: 600; }
@media (max-width: 600px) { body { font-size: 14px; } main { padding: 10px 12px 40px; } th, td { padding: 4px 6px; }
  th:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 8em; max-width: 40vw; } }
@media print { details { display: block; } .scroll { overflow: visible; } }
"""

SCRIPT = """
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0];
  const column = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = row => { const cell = row.cells[column]; return cell.dataset.figure ?? cell.textContent; };
  const order = (a, b) => { const x = value(a), y = value(b);
    // Rows without a figure stay below, whichever way.
    if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
    const way = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y; return up ? way : -way; };
  body.append(...[...body.rows].sort(order));
});
"""
