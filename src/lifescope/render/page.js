
"use strict";

// --- what is drawn: the records of lifescope.render.json -----------------------------------

const data = JSON.parse(document.getElementById("data").textContent);
const chart = document.getElementById("chart");
const details = document.getElementById("details");
const search = document.getElementById("search");
const found = document.getElementById("found");
const arrows = document.getElementById("arrows");

const nodes = new Map();
for (const kind of ["providers", "entry_points", "missing", "unreadable"]) {
  for (const node of data[kind]) {
    nodes.set(node.id, { needs: [], needed_by: [], ...node, kind: node.kind || "", of: kind });
  }
}
const boxes = new Map();
for (const box of chart.querySelectorAll(".node")) boxes.set(box.dataset.id, box);
const edges = [];
for (const node of nodes.values()) {
  for (const need of node.needs) {
    if (need.target !== null) edges.push({ from: node.id, to: need.target, need: need });
  }
}
const LATER = new Set(["lazy", "factory", "current"]);
const scopes = new Map(data.scopes.map((scope, rank) => [scope.name, { rank, ...scope }]));
let chosen = null;

const title = (node) => (node.keys ? node.keys.join(", ") : node.key || node.name);

// --- ways through the graph ------------------------------------------------------------------

/** Where each node was reached from; the ids in the order in which they are reached. */
function reached(start, next) {
  const from = new Map([[start, null]]);
  const queue = [start];
  for (let at = 0; at < queue.length; at++) {
    for (const id of next(nodes.get(queue[at]))) {
      if (!from.has(id)) {
        from.set(id, queue[at]);
        queue.push(id);
      }
    }
  }
  return from;
}

const askers = (node) => node.needed_by.map((need) => need.asker);
const targets = (node) => node.needs.map((need) => need.target).filter((id) => id !== null);
const targetsAtOnce = (node) =>
  node.needs.filter((n) => n.target !== null && !LATER.has(n.relation)).map((n) => n.target);

/** The shortest way to a node from each entry point, and from what nobody needs. */
function ways(id) {
  const from = reached(id, askers);
  const tops = [...from.keys()].filter((top) => nodes.get(top).needed_by.length === 0);
  return tops.map((top) => {
    const way = [];
    for (let step = top; step !== null; step = from.get(step)) way.push(step);
    return way;
  });
}

/** What is acquired for a node, itself last; and what of that is released, in order. */
function order(id) {
  const needed = reached(id, targetsAtOnce);
  const acquired = [], released = [];
  for (const scope of data.scopes) {
    acquired.push(...scope.acquire.filter((each) => needed.has(each)));
    released.unshift(...scope.release.filter((each) => needed.has(each)));
  }
  return { acquired, released };
}

// --- arrows -----------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
for (const edge of edges) {
  edge.path = document.createElementNS(SVG, "path");
  edge.path.classList.toggle("later", LATER.has(edge.need.relation));
  if (edge.need.state !== "fine") edge.path.classList.add(edge.need.state);
}
arrows.append(...edges.map((edge) => edge.path));

/** Where the boxes stand, in the chart: all is read before anything is written. */
function measure() {
  const origin = chart.getBoundingClientRect();
  const places = new Map();
  for (const [id, box] of boxes) {
    const r = box.getBoundingClientRect();
    const [left, right] = [r.left - origin.left, r.right - origin.left];
    places.set(id, { left, right, top: r.top - origin.top, bottom: r.bottom - origin.top });
  }
  return { places, rows: rowsOf([...places.values()], origin.width) };
}

/** The rows of boxes as they are seen, from the top, with the gaps through which arrows fit. */
function rowsOf(places, width) {
  const rows = new Map();
  for (const each of places) {
    const top = Math.round(each.top);
    if (!rows.has(top)) rows.set(top, { top: each.top, bottom: each.bottom, boxes: [] });
    rows.get(top).boxes.push(each);
  }
  const sorted = [...rows.values()].sort((a, b) => a.top - b.top);
  for (const row of sorted) {
    row.boxes.sort((a, b) => a.left - b.left);
    const rights = [0, ...row.boxes.map((box) => box.right)];
    const lefts = [...row.boxes.map((box) => box.left), width];
    row.gaps = rights.map((right, at) => ({ left: right + 5, right: lefts[at] - 5, used: 0 }));
  }
  return sorted;
}

/** Each arrow has a place of its own at the side of a box that it leaves, or comes to. */
function spread(places) {
  const sides = new Map();
  const middle = (id) => (places.get(id).left + places.get(id).right) / 2;
  const add = (edge, end, id, other) => {
    const above = places.get(other).bottom <= places.get(id).top;
    const side = `${above ? "top" : "bottom"} ${id}`;
    if (!sides.has(side)) sides.set(side, []);
    sides.get(side).push({ edge, end, id, at: middle(other) });
  };
  for (const edge of edges) {
    add(edge, "start", edge.from, edge.to);
    add(edge, "stop", edge.to, edge.from);
  }
  for (const ends of sides.values()) {
    ends.sort((a, b) => a.at - b.at);
    ends.forEach(({ edge, end, id }, number) => {
      const { left, right } = places.get(id);
      const step = Math.min(18, ((right - left) * 0.7) / ends.length);
      edge[end] = (left + right) / 2 + (number - (ends.length - 1) / 2) * step;
    });
  }
}

/** The gap of a row that is nearest to where an arrow would go, and a track in it. */
function through(row, ideal, from) {
  let best = null, least = Infinity;
  for (const gap of row.gaps) {
    const x = Math.min(Math.max(ideal, gap.left), gap.right);
    const cost = Math.abs(x - ideal) + Math.abs(x - from) / 2;
    if (gap.right > gap.left && cost < least) [best, least] = [{ gap, x }, cost];
  }
  if (best === null) return from;
  const side = best.gap.used++ % 7;
  const x = best.x + Math.ceil(side / 2) * (side % 2 ? 4 : -4);
  return Math.min(Math.max(x, best.gap.left), best.gap.right);
}

const bend = (x1, y1, x2, y2) => `C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;

/** The first of the rows, which come from the top, that lies below y. */
function firstBelow(rows, y) {
  let low = 0, high = rows.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (rows[mid].top >= y) high = mid;
    else low = mid + 1;
  }
  return low;
}

function route(edge, { places, rows }) {
  const a = places.get(edge.from), b = places.get(edge.to);
  const up = b.bottom <= a.top;
  if (!up && b.top < a.bottom) return around(edge, a, b);
  const [y1, y2] = up ? [a.top, b.bottom] : [a.bottom, b.top];
  const between = rows.slice(firstBelow(rows, Math.min(y1, y2)), firstBelow(rows, Math.max(y1, y2)))
    .filter((row) => row.bottom <= Math.max(y1, y2));
  let [x, y] = [edge.start, y1];
  let path = `M${x} ${y}`;
  for (const row of up ? between.reverse() : between) {
    const [near, far] = up ? [row.bottom, row.top] : [row.top, row.bottom];
    const next = through(row, edge.start + ((edge.stop - edge.start) * (near - y1)) / (y2 - y1), x);
    path += bend(x, y, next, near) + `L${next} ${far}`;
    [x, y] = [next, far];
  }
  return path + bend(x, y, edge.stop, y2);
}

/** Between two boxes of one row, or from a box to itself: below them. */
function around(edge, a, b) {
  const low = Math.max(a.bottom, b.bottom) + 24;
  const stop = a === b ? edge.stop + 12 : edge.stop;
  return `M${edge.start} ${a.bottom}C${edge.start} ${low} ${stop} ${low} ${stop} ${b.bottom}`;
}

function drawArrows() {
  const measured = measure();
  const header = document.querySelector("header").offsetHeight;
  spread(measured.places);
  for (const edge of edges) edge.path.setAttribute("d", route(edge, measured));
  document.documentElement.style.setProperty("--top", `${header}px`);
}

// --- choosing ---------------------------------------------------------------------------------

function choose(id, { focus = true } = {}) {
  chosen = id;
  const needed = id === null ? new Map() : reached(id, targets);
  const asking = id === null ? new Map() : reached(id, askers);
  chart.classList.toggle("chosen", id !== null);
  for (const [each, box] of boxes) {
    box.classList.toggle("it", each === id);
    box.classList.toggle("needed", each !== id && needed.has(each));
    box.classList.toggle("asking", each !== id && asking.has(each));
    box.setAttribute("aria-pressed", String(each === id));
  }
  for (const edge of edges) {
    edge.path.classList.toggle("on", needed.has(edge.from) && needed.has(edge.to));
    edge.path.classList.toggle("asks", asking.has(edge.from) && asking.has(edge.to));
    if (needed.has(edge.from) || asking.has(edge.to)) arrows.append(edge.path); // on top
  }
  document.querySelector("main").classList.toggle("open", id !== null);
  details.hidden = id === null;
  if (id !== null) {
    describe(nodes.get(id));
    walkTo(id, focus);
  }
  history.replaceState(null, "", id === null ? "#" : "#" + encodeURIComponent(id));
}

/** One box at a time can be reached with Tab; the arrow keys go on from there. */
function walkTo(id, focus = true) {
  for (const box of boxes.values()) box.tabIndex = -1;
  const box = boxes.get(id);
  box.tabIndex = 0;
  if (focus) box.focus({ preventScroll: true });
  box.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// --- details ----------------------------------------------------------------------------------

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function link(id) {
  const button = element("button", id);
  button.className = "go";
  button.type = "button";
  button.addEventListener("click", () => choose(id));
  return button;
}

function list(kind, items, most = 30) {
  const made = element(kind, "", ...items.slice(0, most).map((parts) => element("li", "", ...parts)));
  if (items.length > most) {
    const more = element("li", `and ${items.length - most} more`);
    more.className = "soft";
    made.append(more);
  }
  return made;
}

function section(heading, body) {
  details.append(element("h3", heading), body);
}

function describe(node) {
  const close = element("button", "×");
  close.id = "close";
  close.type = "button";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => { const id = chosen; choose(null); walkTo(id); });
  details.replaceChildren(close, element("h2", title(node)), facts(node));
  details.scrollTop = 0;
  if (node.needs.length) section("Needs", list("ul", node.needs.map(needed)));
  if (node.needed_by.length) {
    const items = node.needed_by.map((n) => [link(n.asker), ` as ${n.parameter}${later(n)}`]);
    section("Needed by", list("ul", items));
  }
  const found = ways(node.id).filter((way) => way.length > 1);
  if (found.length) section("Ways from the entry points", list("ul", found.map(crumbs), 12));
  orders(node);
}

const later = (need) => (LATER.has(need.relation) ? ` (${need.relation})` : "");

function needed(need) {
  const asked = need.relation === "item" ? "" : `${need.parameter}: `;
  if (need.target === null) {
    const what = need.otherwise === "default" ? "keeps its default" : "gets None";
    return [`${asked}${need.key}, not provided: ${what}`];
  }
  return [asked, link(need.target), later(need)];
}

function crumbs(way) {
  return way.flatMap((id, at) => (at ? [" → ", link(id)] : [link(id)]));
}

function facts(node) {
  const made = element("dl");
  const add = (term, ...value) => made.append(element("dt", term), element("dd", "", ...value));
  const state = element("span", [node.state, ...node.problems].join(", "));
  state.className = `state ${node.state}`;
  if (node.state !== "fine") add("State", state);
  if (node.of === "missing") add("Provider", "none");
  if (node.of === "unreadable") add("Provider", "could not be read");
  if (node.name) add(node.of === "entry_points" ? "Entry point" : "Provider", node.name);
  if (node.scope) add("Scope", node.scope);
  if (node.kind) add("Kind", node.kind);
  if (node.marks && node.marks.length) add("Marks", node.marks.join(", "));
  if (node.place) add("Written at", element("code", node.place));
  return made;
}

function orders(node) {
  if (!data.scopes.some((scope) => scope.acquire.length)) return;
  const { acquired, released } = order(node.id);
  const scope = scopes.get(node.scope);
  const at = scope ? scope.acquire.indexOf(node.id) : -1;
  if (at >= 0) {
    const out = scope.release.indexOf(node.id);
    const ends = out < 0 ? "has no release" : `release ${out + 1} of ${scope.release.length}`;
    section(`Order in scope ${node.scope}`, element("p", `Acquire ${at + 1} of ${scope.acquire.length}, ${ends}.`));
  }
  const items = (ids) => ids.map((id) => [link(id), ` ${nodes.get(id).scope}`]);
  if (acquired.length) section("Acquired for it, in order", list("ol", items(acquired), 60));
  if (released.length) section("Released after it, in order", list("ol", items(released), 60));
}

// --- search -----------------------------------------------------------------------------------

const texts = new Map([...nodes].map(([id, node]) => [
  id, [title(node), node.name, node.place, node.scope, node.kind, ...(node.marks || [])].join("\n").toLowerCase(),
]));

function hits() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return [...boxes.keys()].filter((id) => words.every((word) => texts.get(id).includes(word)));
}

function showHits() {
  const ids = new Set(hits());
  const active = search.value.trim() !== "";
  chart.classList.toggle("searched", active);
  for (const [id, box] of boxes) box.classList.toggle("hit", ids.has(id));
  found.textContent = active ? `${ids.size} of ${nodes.size}` : "";
  const [first] = ids;
  if (first !== undefined) boxes.get(first).scrollIntoView({ block: "nearest" });
}

function nextHit(step) {
  const ids = hits();
  if (!ids.length) return;
  const at = ids.indexOf(chosen);
  choose(ids[at < 0 ? 0 : (at + step + ids.length) % ids.length], { focus: false });
}

// --- keys and clicks --------------------------------------------------------------------------

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The nearest box in a direction; what lies across counts more than what lies ahead. */
function neighbour(box, [dx, dy]) {
  const middle = (b) => { const r = b.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; };
  const [x, y] = middle(box);
  let best = null, least = Infinity;
  for (const [id, other] of boxes) {
    const [ox, oy] = middle(other);
    const ahead = (ox - x) * dx + (oy - y) * dy;
    const across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
    if (other === box || ahead < 4 || (dx && across > 20)) continue;
    const distance = dy ? ahead * 3 + across : ahead;
    if (distance < least) [best, least] = [id, distance];
  }
  return best;
}

chart.addEventListener("click", (event) => {
  const box = event.target.closest(".node");
  if (box) choose(box.dataset.id === chosen ? null : box.dataset.id);
});
chart.addEventListener("keydown", (event) => {
  const box = event.target.closest(".node");
  if (!box || !(event.key in MOVES)) return;
  const next = neighbour(box, MOVES[event.key]);
  if (next !== null) walkTo(next);
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== search) {
    search.focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    search.value = "";
    showHits();
    choose(null);
  }
});
search.addEventListener("input", showHits);
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
});

document.getElementById("no-script").remove();
chart.classList.toggle("many", edges.length > 150);
for (const box of boxes.values()) box.tabIndex = -1;
const [firstBox] = boxes.values();
if (firstBox) firstBox.tabIndex = 0;
new ResizeObserver(drawArrows).observe(chart);
const wanted = decodeURIComponent(location.hash.slice(1));
if (nodes.has(wanted)) choose(wanted);
