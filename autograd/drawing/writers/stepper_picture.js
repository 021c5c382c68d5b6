// The second of three parts of the page's script: what is lit in the picture, how large it is, in
// which colours, and the details of a node.

// ---- the picture ----------------------------------------------------------------------------

let boxes = new Map(), lines = new Map(); // of the picture: elements by id, and by edge

const boxOf = (id) => views[state.view].boxes[id] || id;

// The place of the node whose value and gradient a box shows: of a module, of the last one inside.
function placeOf(id) {
  if (place.has(id)) return place.get(id);
  return boxes.has(id) ? boxes.get(id).members[boxes.get(id).members.length - 1] : undefined;
}

function show(view) {
  const picked = placeOf(state.picked); // the boxes of this picture are not those of the next
  if (picked !== undefined) state.picked = nodes[picked].id;
  state.view = view;
  const picture = pictures[view];
  picture.setAttribute("role", "group"); // an image would hide its nodes from screen readers
  stage.replaceChildren(picture);
  boxes = new Map();
  lines = new Map();
  for (const box of picture.querySelectorAll("[data-node]")) {
    boxes.set(box.dataset.node, {element: box, members: []});
  }
  for (const line of picture.querySelectorAll("[data-edge]")) {
    const k = Number(line.dataset.edge);
    if (!lines.has(k)) lines.set(k, {elements: [], members: []});
    lines.get(k).elements.push(line);
  }
  nodes.forEach((node, k) => {
    const box = boxes.get(boxOf(node.id));
    if (box) box.members.push(k);
  });
  views[view].edges.forEach((line, k) => {
    if (lines.has(line)) lines.get(line).members.push(k);
  });
  for (const {element} of boxes.values()) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
  }
  $("depth").selectedIndex = view;
  mark();
  size();
  colours();
}

// What a screen reader says of a box: no more than is known after a step.
function name(id, element, k) {
  const node = about(id), n = placeOf(id);
  if (!node || n === undefined) return;
  const words = [node.label, told(node)];
  if (node.value && reached[n] <= k) words.push(`value ${node.value.short}`);
  const {text, kind} = gradient(n, k);
  if (kind === "done") words.push(`gradient ${text}`);
  if (kind === "partial") words.push(`gradient so far ${text}`);
  const label = words.join(", ");
  if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
}

function light(step, k) {
  const now = new Set(step.nodes.map(boxOf));
  const grows = new Set(step.additions.map((one) => boxOf(one.node)));
  const flows = new Set(step.additions.map((one) => one.edge));
  const forward = step.phase === "forward";
  for (const [id, {element, members}] of boxes) {
    const marks = element.classList;
    marks.toggle("now", now.has(id));
    marks.toggle("grows", grows.has(id) && !now.has(id));
    marks.toggle("waiting", members.some((n) => reached[n] > k));
    marks.toggle("ungraded", members.every((n) => !growth[n].some((one) => one.step <= k)));
    marks.toggle("calm", !alarms(id, k).length);
    amend(element, placeOf(id), k);
    name(id, element, k);
  }
  for (const {elements, members} of lines.values()) {
    const lit = members.some((n) => flows.has(n) ||
      (forward && step.nodes.includes(edges[n][1])));
    for (const element of elements) {
      const marks = element.classList;
      marks.toggle("flows", lit);
      marks.toggle("waiting", members.some((n) => reached[place.get(edges[n][1])] > k));
      marks.toggle("unhanded", members.every((n) => handed[n] > k));
    }
  }
  for (const label of stage.querySelectorAll("[data-edge-label]")) {
    const line = lines.get(Number(label.dataset.edgeLabel)); // of several uses it says the sum
    label.classList.toggle("unhanded", Boolean(line) && line.members.some((n) => handed[n] > k));
  }
  const first = boxes.get([...now][0]);
  if (first) reveal(stage, first.element);
}

// The warnings about what is known after a step.
function alarms(id, k) {
  const n = placeOf(id);
  const begun = {value: reached[n] <= k, gradient: n >= 0 && growth[n].some((one) => one.step <= k)};
  const all = (about(id) || {}).alarms || [];
  return all.filter((text) => begun[text.includes("gradient") ? "gradient" : "value"]);
}

// The gradient on a card is what it has grown to: at the end, what the picture says anyway.
const written = new WeakMap();

function amend(element, n, k) {
  const line = element.querySelector(".gradient");
  const texts = line ? line.querySelectorAll("text") : [];
  if (texts.length !== 2 || n === undefined) return;
  for (const one of texts) if (!written.has(one)) written.set(one, one.textContent);
  const {text, kind} = gradient(n, k);
  const [label, all] = [...texts].map((one) => written.get(one));
  const partial = kind === "partial", brief = text.length < 9;
  element.classList.toggle("partial", partial); // a strip of colours shows the whole
  texts[0].textContent = partial && brief ? "so far" : label;
  texts[1].textContent = !partial ? all : brief ? text : "so far …";
}

// Scroll inside a box, never the page, until the element is seen.
function reveal(around, element) {
  const outer = around.getBoundingClientRect(), inner = element.getBoundingClientRect();
  if (inner.left < outer.left || inner.right > outer.right) {
    around.scrollLeft += (inner.left + inner.right - outer.left - outer.right) / 2;
  }
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    around.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
  }
}

const LARGEST = 2.5; // times its natural size: letters as high as a line on a projector

function size() {
  const picture = pictures[state.view], main = stage.closest("main");
  const {width, height} = picture.viewBox.baseVal, natural = width || picture.clientWidth;
  const letter = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const beside = main.clientWidth - 28.2 * letter; // what the words beside it leave
  main.classList.toggle("wide", natural > 1.1 * beside && width > 1.5 * height);
  const room = stage.clientWidth - 2;
  const most = parseFloat(getComputedStyle(stage).maxHeight) - 4, tall = height || 1;
  const high = most / tall;
  const all = Math.min(room / natural, high, LARGEST);
  const far = Math.min((most - 16) / tall, 0.75 * letter / 11); // on a large screen
  const read = Math.max(0.65, letter < 18 ? 0 : far);
  const fit = state.whole ? all : Math.max(all, read);
  picture.style.width = `${Math.round(natural * fit * 1.25 ** state.zoom)}px`;
  picture.style.height = "auto";
}

// The rules for dark pages, of every style sheet, follow what was chosen instead of the system.
const dark = {
  auto: "screen and (prefers-color-scheme: dark)",
  dark: "screen and (min-width: 0.5px)",
  light: "not all and (min-width: 0.5px)",
};

function colours() {
  const ours = (text) => text.includes("prefers-color-scheme: dark") || text.includes("0.5px");
  for (const sheet of document.styleSheets) {
    const owner = sheet.ownerNode;
    if (!owner || !(root.contains(owner) || alone)) continue;
    for (const rule of sheet.cssRules) {
      if (rule instanceof CSSMediaRule && ours(rule.media.mediaText)) {
        rule.media.mediaText = dark[$("theme").value];
      }
    }
  }
}

// ---- details of a node ----------------------------------------------------------------------

function entries(value) {
  if (!value) return make("p", "not kept", "hint");
  if (!value.rows) return make("p", value.about ? `${value.short}; ${value.about}` : value.short);
  const table = make("table", "", "entries");
  const largest = Math.max(...value.rows.flat().map((entry) => Math.abs(entry)).filter(isFinite));
  for (const row of value.rows) {
    add(table, add(make("tr"), ...row.map((entry) => tinted(entry, largest))));
  }
  return add(make("div", "", "rows"), table);
}

// An entry on a ground that tells its sign and its size.
function tinted(entry, largest) {
  const cell = make("td", entry);
  const part = Math.min(1, Math.abs(entry) / largest) || 0;
  if (["nan", "inf", "-inf"].includes(entry)) cell.className = "warning";
  const colour = entry > 0 ? "--plus" : "--minus";
  cell.style.background = `color-mix(in srgb, var(${colour}) ${Math.round(40 * part)}%, transparent)`;
  return cell;
}

// The small pictures on the card of a node, twice as large.
function pictured(id, part) {
  const drawn = boxes.has(id) ? [...boxes.get(id).element.querySelectorAll(`${part} > g`)] : [];
  return drawn.map((group) => {
    const {width, height} = group.getBBox(), copy = group.cloneNode(true);
    const picture = stage.querySelector("svg").cloneNode(false);
    copy.removeAttribute("transform");
    for (const name of ["role", "aria-label", "style"]) picture.removeAttribute(name);
    picture.setAttribute("aria-hidden", "true");
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.setAttribute("width", 2 * width);
    picture.setAttribute("height", 2 * height);
    picture.setAttribute("shape-rendering", "crispEdges");
    return add(make("p", "", "rows"), add(picture, copy));
  });
}

const hint = [...$("details").children]; // what to do, while nothing is chosen

function choose(id) {
  state.picked = id;
  $("details").setAttribute("aria-live", "polite");
  if (id === null) $("details").replaceChildren(...hint);
  describe();
  mark();
}

function mark() {
  const members = new Set(boxes.has(state.picked) ? boxes.get(state.picked).members : []);
  if (place.has(state.picked)) members.add(place.get(state.picked));
  const box = state.picked && boxOf(state.picked);
  for (const [id, {element}] of boxes) {
    element.classList.toggle("picked", id === box);
    element.classList.remove("use");
  }
  for (const {elements, members: inside} of lines.values()) {
    const used = inside.some((n) => members.has(place.get(edges[n][0])));
    for (const element of elements) element.classList.toggle("use", used);
    if (!used) continue;
    for (const n of inside) {
      const target = boxes.get(boxOf(edges[n][1]));
      if (target && boxOf(edges[n][1]) !== box) target.element.classList.add("use");
    }
  }
}

function facts(node) {
  const list = make("dl");
  const rows = [
    ["kind", node.kind === "output" ? `${told(node)}, the output` : told(node)],
    ["shape", node.shape === "()" ? "() a number" : node.shape],
    ["dtype", node.dtype],
    ["module", node.scope],
    ["settings", node.settings],
    ["rule", node.rule],
    ["parameters", node.parameters],
    ["nodes inside", node.inside],
  ];
  for (const [name, text] of rows) if (text) add(list, make("dt", name), make("dd", String(text)));
  return list;
}

function uses(id) {
  const list = make("ul");
  const own = boxes.has(id) && boxOf(id) === id ? boxes.get(id).members : [place.get(id)];
  const inside = new Set(own.map((n) => nodes[n].id));
  edges.forEach(([source, target, slot, given], n) => {
    if (!inside.has(source) || inside.has(target)) return;
    const what = nodes[place.get(target)];
    const known = handed[n] <= state.step ? `hands in ${given}` : given ? "hands in later" : "";
    add(list, make("li", `${what.label}, ${told(what)}, as ${slot}${known && ": "}${known}`));
  });
  if (list.children.length) return [make("h3", "Uses"), list];
  return [make("p", "Nothing uses it.", "hint")];
}

function jumps(k) {
  const row = make("p", "", "jumps");
  const goals = [["its forward step", reached[k]], ["its backward step", leaving[k]]];
  for (const [text, goal] of goals) {
    if (!Number.isFinite(goal)) continue;
    const button = make("button", `Go to ${text}`);
    button.type = "button";
    button.addEventListener("click", () => go(goal));
    add(row, button);
  }
  return row;
}

function describe() {
  const id = state.picked;
  const node = about(id), k = placeOf(id);
  if (!node || k === undefined) return;
  const box = $("details");
  box.replaceChildren(make("h2", node.label), facts(node));
  for (const alarm of alarms(id, state.step)) add(box, make("p", alarm, "warning"));
  const early = make("p", "not computed yet");
  const late = reached[k] > state.step;
  add(box, make("h3", "Value"), late ? early : entries(node.value));
  if (!late) add(box, ...pictured(id, ".value:not(.shown)"));
  for (const [name, value] of Object.entries(late ? {} : node.shown || {})) {
    add(box, make("h3", name), entries(value), ...pictured(id, ".shown"));
  }
  const known = gradient(k, state.step), several = node.inside && !node.value;
  add(box, make("h3", `Gradient, ${slope(id)}`));
  if (several) add(box, make("p", "it has several results, each with its own", "hint"));
  else if (known.kind === "done" && node.gradient) {
    add(box, entries(node.gradient), ...pictured(id, ".gradient"));
  }
  else add(box, make("p", `${known.text} ${known.note || ""}`));
  add(box, ...uses(id), jumps(k));
}
