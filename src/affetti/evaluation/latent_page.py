"""The maps of latent spaces as one page that needs nothing but a browser: choose the system, the block and the method,
point at a clip to see its emotion and what its elements are like.

Clips have numbers of the page's own, and no names: the page is no list of a corpus's files.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.note_arrays import Reals
from affetti.emotion import Quadrant
from affetti.evaluation.drawing import COLOURS
from affetti.evaluation.latent_maps import Method, Points

PAGE_FILE = "latent-map.html"


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """What the page says of N clips."""

    quadrants: NDArray[np.integer]
    """[N] 1-4"""
    is_held_out: NDArray[np.bool_]
    amounts: Mapping[str, Reals]
    """What can be said of a clip, and for each [N]; NaN where nothing can."""


def latent_page(
    title: str, clips: Clips, maps: Mapping[str, Mapping[Method, Sequence[Points]]], blocks: Sequence[str]
) -> bytes:
    """The page. maps: of each system and method, of each block [N, 2]."""
    numbers = np.random.default_rng(0).permutation(len(clips.quadrants))
    data = {
        "blocks": list(blocks),
        "quadrants": [[quadrant.name, quadrant.label, COLOURS[quadrant]] for quadrant in Quadrant],
        "clips": {
            "number": (1 + numbers).tolist(),
            "quadrant": clips.quadrants.tolist(),
            "held": clips.is_held_out.astype(int).tolist(),
        },
        "amounts": {
            name: [None if np.isnan(one) else round(float(one), 2) for one in values]
            for name, values in clips.amounts.items()
        },
        "systems": {
            name: {method: [_scaled(points) for points in found] for method, found in own.items()}
            for name, own in maps.items()
        },
    }
    # Nothing in the data may end the script element.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    heading = title.replace("&", "&amp;").replace("<", "&lt;")
    return _PAGE.replace("TITLE", heading).replace("DATA", text).encode()


def _scaled(points: Points) -> list[int]:
    """x and y of all points one after another, as thousandths of the map's side, which both axes share."""
    least, most = points.min(axis=0), points.max(axis=0)
    side = float((most - least).max()) or 1.0
    middle = (least + most) / 2
    return [int(one) for one in np.rint(500 + 1000 * (points - middle) / side).ravel()]


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --line: #ccc; }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1b1b; --ink: #e8e8e8; --line: #555; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.4 system-ui, sans-serif; margin: 1.2rem auto;
  max-width: 46rem; padding: 0 1rem; }
h1 { font-size: 1.25rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; }
svg { border: 1px solid var(--line); display: block; height: auto; margin-top: .8rem; width: 100%; }
circle { cursor: pointer; fill-opacity: .75; }
circle.picked { stroke: var(--ink); stroke-width: 5; fill-opacity: 1; }
#said { min-height: 7.5rem; margin-top: .6rem; white-space: pre-line; }
.swatch { border-radius: 50%; display: inline-block; height: .8em; margin-right: .3em; width: .8em; }
</style>
</head>
<body>
<h1>TITLE</h1>
<form>
<label id="of-system">System <select id="system"></select></label>
<label>Block <select id="block"></select></label>
<label>Method <select id="method"></select></label>
<span id="quadrants"></span>
</form>
<svg id="map" viewBox="-30 -30 1060 1060" role="img" aria-label="Map of clips in the colours of their quadrants"></svg>
<div id="said" aria-live="polite"></div>
<noscript>The map is drawn by a script of this page.</noscript>
<script type="application/json" id="data">DATA</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const by = name => document.getElementById(name);
const make = (kind, text, parent) => {
  const element = document.createElement(kind);
  element.textContent = text;
  parent.append(element);
  return element;
};
const fill = (name, values) => values.forEach((value, at) => { make("option", value, by(name)).value = at; });
const systems = Object.keys(data.systems), methods = Object.keys(data.systems[systems[0]]);
fill("system", systems);
fill("block", data.blocks);
fill("method", methods);
by("block").value = data.blocks.length - 1;
by("of-system").hidden = systems.length < 2;
const shown = data.quadrants.map(() => true);
data.quadrants.forEach(([name, label, colour], at) => {
  const box = make("label", "", by("quadrants"));
  const input = document.createElement("input");
  input.type = "checkbox";
  input.checked = true;
  input.addEventListener("change", () => { shown[at] = input.checked; draw(); });
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = colour;
  box.append(input, swatch, name + " " + label + " ");
});
const map = by("map"), order = data.clips.number.map((number, at) => at);
order.sort((a, b) => data.clips.number[a] - data.clips.number[b]);
const dots = order.map(at => {
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("r", 8);
  dot.setAttribute("fill", data.quadrants[data.clips.quadrant[at] - 1][2]);
  for (const event of ["mouseenter", "click"]) dot.addEventListener(event, () => pick(dot, at));
  map.append(dot);
  return [dot, at];
});
function draw() {
  const points = data.systems[systems[by("system").value]][methods[by("method").value]][by("block").value];
  for (const [dot, at] of dots) {
    dot.setAttribute("cx", points[2 * at]);
    dot.setAttribute("cy", 1000 - points[2 * at + 1]);
    dot.style.display = shown[data.clips.quadrant[at] - 1] ? "" : "none";
  }
}
let picked = null;
function pick(dot, at) {
  if (picked) picked.classList.remove("picked");
  picked = dot;
  dot.classList.add("picked");
  const [name, label] = data.quadrants[data.clips.quadrant[at] - 1];
  const lines = ["Clip " + data.clips.number[at] + ": " + name + " " + label
    + (data.clips.held[at] ? ", of a song held out" : ", of a song learned from")];
  for (const [what, values] of Object.entries(data.amounts)) {
    if (values[at] !== null) lines.push(what + ": " + values[at]);
  }
  by("said").textContent = lines.join("\\n");
}
for (const name of ["system", "block", "method"]) by(name).addEventListener("change", draw);
by("said").textContent = "Point at a clip.";
draw();
</script>
</body>
</html>
"""
