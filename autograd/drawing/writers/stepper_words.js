// The first of three parts of the page's script, which share one scope: what is known at which step,
// and how it is said and listed. It reads the JSON of the page and writes text only, never markup.
// The page is an element that knows no other: it may stand in the page of a notebook, beside others of
// its kind. Only what is alone in its window minds the window's keys and its address.
const script = document.currentScript;
const root = script && script.closest(".chalkgrad-page") ||
  document.querySelector(".chalkgrad-page:not([data-step])");
const alone = root.parentElement === document.body && !root.previousElementSibling;
const homes = alone ? [root, document.body] : [root]; // where the step is written for style and tests
if (!alone) root.tabIndex = -1; // to have the focus, and with it the keys
const $ = (id) => root.querySelector(`#${id}`);
const data = JSON.parse($("data").textContent);
const {steps, nodes, edges, views} = data;
const place = new Map(nodes.map((node, k) => [node.id, k])); // of a node in the list
const stage = $("stage");
const pictures = [stage.querySelector("svg")];
for (const other of root.querySelectorAll("template")) {
  pictures.push(other.content.firstElementChild);
}
const state = {step: 0, view: 0, picked: null, zoom: 0, whole: false};
let timer = 0, noted = 0;

// ---- what is known at which step ------------------------------------------------------------

const reached = nodes.map(() => Infinity); // the step at which its value appears
const growth = nodes.map(() => []); // the additions to its gradient, with their steps
const handed = edges.map(() => Infinity); // the step at which a gradient flows along it
const leaving = nodes.map(() => Infinity); // the step at which its gradient is handed on
steps.forEach((step, k) => {
  if (step.phase === "forward") for (const id of step.nodes) reached[place.get(id)] = k;
  for (const one of step.additions) {
    growth[place.get(one.node)].push({step: k, after: one.after});
    if (one.edge >= 0) {
      handed[one.edge] = k;
      leaving[place.get(edges[one.edge][1])] = k;
    }
  }
});
const turn = steps.findIndex((step) => step.phase === "backward"); // where the way back begins

// What is known of a node's gradient after a step: text, and whether that is all of it.
function gradient(k, step) {
  const node = nodes[k], all = growth[k];
  const come = all.filter((one) => one.step <= step);
  if (come.length) {
    const text = come[come.length - 1].after, done = come.length === all.length;
    return {text, kind: done ? "done" : "partial",
            note: done ? "" : `so far, ${come.length} of ${all.length} uses`};
  }
  if (node.state === "constant" || node.state === "freed") return {text: node.state, kind: "none"};
  return {text: all.length ? "not computed yet" : "not computed", kind: "none"};
}

// ---- small tools ----------------------------------------------------------------------------

function make(tag, text = "", kind = "") {
  const element = document.createElement(tag);
  if (text !== "") element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function add(parent, ...children) {
  parent.append(...children);
  return parent;
}

function put(cell, text) { // of an array the shape, and smaller what is known of its entries
  const [first, ...rest] = text.split(": ");
  cell.replaceChildren(first);
  if (rest.length) add(cell, make("br"), make("span", rest.join(": "), "hint"));
}

function named(id) {
  const node = about(id);
  return node ? node.label : id;
}

const about = (id) => views[state.view].folded[id] || nodes[place.get(id)];

const slope = (id) => `∂${data.output}/∂${named(id)}`;

function told(node) { // "multiply ×", "input", "module Linear"
  const words = (node.operation || "").replaceAll("_", " ");
  const sign = node.sign && node.sign !== words ? ` ${node.sign}` : "";
  if (node.kind === "module") return `module ${node.operation}`;
  return node.operation ? node.operation + sign : node.kind;
}

// ---- the words of a step --------------------------------------------------------------------

function spoken(amount) { // "(100, 16): all 1" is no number
  const [shape, ...entries] = amount.split(": ");
  if (!shape.startsWith("(")) return amount;
  return `an array of shape ${shape}${entries.length ? ` (${entries.join(": ")})` : ""}`;
}

function addition(one) {
  const item = make("li");
  const formula = make("p", "", "formula");
  const [plus, ...entries] = one.plus.split(": ");
  add(formula, `${slope(one.node)} += `, make("b", plus));
  if (entries.length) add(formula, " ", make("span", entries.join(": "), "hint"));
  const sums = make("p", "", "sum");
  add(sums, make("span", one.before), " → ", make("b", one.after));
  const grown = one.before === "0" && one.plus.startsWith("(") ? "from 0 to" : "by";
  const ends = grown === "by" ? `, from ${spoken(one.before)} to ${spoken(one.after)}` : "";
  const aloud = `The gradient of ${named(one.node)} grows ${grown} ${spoken(one.plus)}${ends}.`;
  for (const shown of [formula, sums]) shown.setAttribute("aria-hidden", "true");
  add(item, make("p", aloud, "aloud"), formula);
  if (one.edge >= 0) {
    add(item, make("p", one.symbols, "symbols"), make("p", one.numbers, "numbers"));
  }
  return add(item, sums);
}

function say(step, k) {
  const said = $("said");
  const phase = step.phase === "forward" ? "Forward" : "Backward";
  const node = step.nodes.length === 1 ? nodes[place.get(step.nodes[0])] : {};
  const scope = node.scope ? ` · in ${node.scope}` : "";
  said.replaceChildren(
    make("p", `${phase} · step ${k + 1} of ${steps.length}${scope}`, `phase ${step.phase}`),
    make("h2", step.title),
  );
  if (step.symbols) add(said, make("p", step.symbols, "formula"));
  if (step.numbers) add(said, make("p", step.numbers, "numbers"));
  if (step.reason) add(said, make("p", step.reason, "hint"));
  if (step.additions.length) add(said, add(make("ul"), ...step.additions.map(addition)));
}

function listAll() {
  const rows = steps.map((step, k) => {
    const row = make("tr");
    const numbers = step.additions.map(
      (one) => `${slope(one.node)} += ${one.numbers || one.plus}  (${one.before} → ${one.after})`);
    const happens = [step.title, step.symbols, ...step.additions.map((one) => one.symbols)];
    add(row, make("th", String(k + 1)), make("td", happens.filter(Boolean).join("\n")),
        make("td", [step.numbers, ...numbers].filter(Boolean).join("\n")));
    row.firstChild.scope = "row";
    return row;
  });
  $("all").querySelector("tbody").replaceChildren(...rows);
}

// ---- the table of gradients -----------------------------------------------------------------

const cells = [];

function listNodes() {
  const body = $("gradients").querySelector("tbody");
  $("of").textContent = `∂${data.output}/∂node`;
  nodes.forEach((node) => {
    const row = make("tr"), head = make("th"), pick = make("button", node.label, "link");
    pick.type = "button";
    pick.addEventListener("click", () => choose(node.id));
    head.scope = "row";
    if (node.operation) add(head, pick, " ", make("span", told(node), "hint"));
    else add(head, pick);
    const value = make("td"), slope = make("td");
    body.append(add(row, head, value, slope));
    cells.push({row, value, slope, shown: "", known: ""});
  });
}

function fill(step, k) {
  cells.forEach((cell, n) => {
    const shown = reached[n] <= k && nodes[n].value ? nodes[n].value.short : "";
    if (shown !== cell.shown) put(cell.value, shown);
    cell.shown = shown;
    const {text, kind, note} = gradient(n, k);
    const known = `${text} ${note || ""}`;
    if (known !== cell.known) {
      put(cell.slope, text);
      if (note) add(cell.slope, " ", make("span", note, "hint"));
      cell.slope.className = kind;
      cell.known = known;
    }
    const now = step.nodes.includes(nodes[n].id);
    const grows = step.additions.some((one) => one.node === nodes[n].id);
    cell.row.className = now ? "now" : grows ? "grows" : "";
  });
  const lit = cells.filter((cell) => cell.row.className);
  for (const {row} of [...lit.slice(-1), ...lit.slice(0, 1)]) reveal(row.closest(".rows"), row);
}
