// Shows the steps of a graph: what is lit in the picture, what is said, the table of gradients.
// It reads the JSON of the page and writes text only, never markup.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const {steps, nodes, edges, views} = data;
  const place = new Map(nodes.map((node, k) => [node.id, k])); // of a node in the list
  const stage = $("stage");
  const pictures = [stage.querySelector("svg")];
  for (const other of document.querySelectorAll("template")) {
    pictures.push(other.content.firstElementChild);
  }
  const state = {step: 0, view: 0, picked: null, zoom: 0};
  let timer = 0;

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
    const sign = node.sign && node.sign !== node.operation ? ` ${node.sign}` : "";
    if (node.kind === "module") return `module ${node.operation}`;
    return node.operation ? node.operation + sign : node.kind;
  }

  // ---- the words of a step --------------------------------------------------------------------

  function addition(one) {
    const item = make("li");
    const formula = make("p", "", "formula");
    add(formula, `${slope(one.node)} += `, make("b", one.plus));
    const sums = make("p", "", "sum");
    add(sums, make("span", one.before), " → ", make("b", one.after));
    if (one.edge >= 0) {
      add(item, formula, make("p", one.symbols, "symbols"), make("p", one.numbers, "numbers"), sums);
    } else {
      add(item, formula, sums);
    }
    return item;
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
    const first = cells.find((cell) => cell.row.className);
    if (first) reveal(first.row.closest(".rows"), first.row);
  }

  // ---- the picture ----------------------------------------------------------------------------

  let boxes = new Map(), lines = new Map(); // of the picture: elements by id, and by edge

  const boxOf = (id) => views[state.view].boxes[id] || id;

  function show(view) {
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
    for (const [id, box] of boxes) prepare(id, box.element);
    $("depth").selectedIndex = view;
    size();
    colours();
  }

  function prepare(id, element) {
    const node = about(id);
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    if (!node) return;
    const value = node.value ? `, value ${node.value.short}` : "";
    element.setAttribute("aria-label", `${node.label}, ${told(node)}${value}`);
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
      amend(id, element, members, k);
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
      const line = lines.get(Number(label.dataset.edgeLabel));
      label.classList.toggle("unhanded", Boolean(line) && line.members.every((n) => handed[n] > k));
    }
    const first = boxes.get([...now][0]);
    if (first) reveal(stage, first.element);
  }

  // The gradient on a card is what it has grown to: at the end, what the picture says anyway.
  const written = new WeakMap();

  function amend(id, element, members, k) {
    const texts = element.querySelectorAll(".gradient text");
    if (texts.length !== 2 || members.length !== 1 || nodes[members[0]].id !== id) return;
    if (!written.has(texts[1])) written.set(texts[1], texts[1].textContent);
    const {text, kind} = gradient(members[0], k);
    const all = written.get(texts[1]);
    element.classList.toggle("partial", kind === "partial"); // a strip of colours shows the whole
    texts[1].textContent = kind !== "partial" ? all : text.length < 9 ? text : "so far …";
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

  function size() {
    const picture = pictures[state.view];
    const {width, height} = picture.viewBox.baseVal, natural = width || picture.clientWidth;
    const beside = stage.closest("main").clientWidth - 450; // what the words beside it leave
    stage.closest("main").classList.toggle("wide", natural > 1.1 * beside && width > 1.5 * height);
    const room = stage.clientWidth - 2;
    const wide = stage.closest("main").classList.contains("wide");
    const high = (wide ? 0.46 : 0.76) * window.innerHeight / (height || 1);
    const fit = Math.min(1, Math.max(Math.min(room / natural, high), 0.65)); // to be read
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
    for (const row of value.rows) {
      add(table, add(make("tr"), ...row.map((entry) => make("td", entry))));
    }
    return add(make("div", "", "rows"), table);
  }

  function choose(id) {
    state.picked = id;
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
      ["rule", node.formula],
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
    const node = about(id), k = node && node.inside ? undefined : place.get(id);
    if (!node) return;
    const box = $("details");
    box.replaceChildren(make("h2", node.label), facts(node));
    for (const alarm of node.alarms || []) add(box, make("p", alarm, "warning"));
    add(box, make("h3", "Value"), entries(node.value), make("h3", `Gradient, ${slope(id)}`));
    const known = k === undefined ? {kind: "done"} : gradient(k, state.step);
    if (known.kind === "done" && node.gradient) add(box, entries(node.gradient));
    else add(box, make("p", `${known.text || node.state} ${known.note || ""}`));
    add(box, ...uses(id));
    if (k !== undefined) add(box, jumps(k));
  }

  // ---- going from step to step ----------------------------------------------------------------

  function go(k) {
    state.step = Math.max(0, Math.min(steps.length - 1, Math.round(k) || 0));
    const step = steps[state.step];
    if (!step) return;
    $("slider").value = state.step;
    $("slider").setAttribute("aria-valuetext", `${state.step + 1}: ${step.title}`);
    $("where").textContent = `${state.step + 1} / ${steps.length}`;
    for (const id of ["first", "back"]) $(id).setAttribute("aria-disabled", state.step === 0);
    for (const id of ["next", "last"]) {
      $(id).setAttribute("aria-disabled", state.step === steps.length - 1);
    }
    document.body.dataset.step = state.step;
    document.body.dataset.phase = step.phase;
    say(step, state.step);
    fill(step, state.step);
    light(step, state.step);
    if (state.picked) describe();
    remember();
  }

  function remember() { // the address of the page names the step, to be shared
    const parts = [`step=${state.step + 1}`];
    if (state.view) parts.push(`depth=${state.view}`);
    try {
      history.replaceState(null, "", `#${parts.join("&")}`);
    } catch { /* inside a frame without an address, or too often */ }
  }

  function recall() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const view = Number(asked.get("depth"));
    if (views[view] && view !== state.view) show(view);
    if (["light", "dark"].includes(asked.get("colours"))) {
      $("theme").value = asked.get("colours");
      colours();
    }
    go(Number(asked.get("step") || 1) - 1);
  }

  function play(on) {
    clearInterval(timer);
    timer = 0;
    if (on && state.step === steps.length - 1) go(0);
    if (on) {
      timer = setInterval(() => {
        go(state.step + 1);
        if (state.step === steps.length - 1) play(false);
      }, 1500);
    }
    document.body.classList.toggle("playing", on);
    $("play").querySelector("span").textContent = on ? "Pause" : "Play";
    $("said").setAttribute("aria-live", on ? "off" : "polite"); // nobody can listen so fast
  }

  const actions = {
    first: () => go(0), back: () => go(state.step - 1), next: () => go(state.step + 1),
    last: () => go(steps.length - 1), play: () => play(!timer),
  };
  const keys = {ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last", " ": "play"};

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const on = event.target instanceof Element ? event.target : document.body;
    if (on.closest("input, select, textarea")) return; // they have these keys themselves
    const node = on.closest("[data-node]");
    if (node && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(node.dataset.node);
      return;
    }
    if (event.key === " " && on.closest("button, summary")) return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    if (action !== "play") play(false);
    actions[action]();
  }

  function start() {
    listNodes();
    listAll();
    $("slider").max = Math.max(0, steps.length - 1);
    $("folding").hidden = views.length < 2;
    for (const [id, action] of Object.entries(actions)) {
      $(id).addEventListener("click", () => {
        if (id !== "play") play(false);
        action();
      });
    }
    $("slider").addEventListener("input", () => { play(false); go(Number($("slider").value)); });
    $("depth").addEventListener("change", () => {
      show($("depth").selectedIndex);
      go(state.step);
      mark();
    });
    $("theme").addEventListener("change", colours);
    for (const [id, change] of [["smaller", -1], ["larger", 1], ["fit", 0]]) {
      $(id).addEventListener("click", () => {
        state.zoom = change ? state.zoom + change : 0;
        size();
      });
    }
    stage.addEventListener("click", (event) => {
      const node = event.target.closest("[data-node]");
      if (node) choose(node.dataset.node);
    });
    document.addEventListener("keydown", pressed);
    window.addEventListener("hashchange", recall);
    window.addEventListener("resize", size);
    window.addEventListener("beforeprint", () => {
      $("all").open = true;
      if (steps.length) light(steps[steps.length - 1], steps.length - 1);
    });
    window.addEventListener("afterprint", () => go(state.step));
    show(0);
    recall();
  }

  start();
})();
