// The third of three parts of the page's script: going from step to step, by buttons, keys, slider and
// address; and the start.

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
  for (const one of homes) Object.assign(one.dataset, {step: state.step, phase: step.phase});
  say(step, state.step);
  fill(step, state.step);
  light(step, state.step);
  $("details").setAttribute("aria-live", "off"); // the step is what is to be read out
  if (state.picked) describe();
  clearTimeout(noted); // browsers mind an address that changes thirty times a second
  if (alone) noted = setTimeout(remember, 200);
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
  if (asked.has("depth") && views[view] && view !== state.view) show(view);
  if (["light", "dark"].includes(asked.get("colours"))) {
    $("theme").value = asked.get("colours");
    colours();
  }
  go(asked.has("step") ? Number(asked.get("step")) - 1 : state.step);
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
  for (const one of homes) one.classList.toggle("playing", on);
  $("play").querySelector("span").textContent = on ? "Pause" : "Play";
  $("said").setAttribute("aria-live", on ? "off" : "polite"); // nobody can listen so fast
}

const actions = {
  first: () => go(0), back: () => go(state.step - 1), next: () => go(state.step + 1),
  last: () => go(steps.length - 1), play: () => play(!timer),
};
// The remote controls of presenters send PageDown and PageUp.
const keys = {ArrowLeft: "back", ArrowRight: "next", PageUp: "back", PageDown: "next", Home: "first",
              End: "last", " ": "play"};

function pressed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const on = event.target instanceof Element ? event.target : document.body;
  if (on.closest("select, textarea")) return; // they have these keys themselves
  if (on.closest("input") && !["PageUp", "PageDown", " "].includes(event.key)) return; // the slider
  const node = on.closest("[data-node]");
  const again = node && event.key === " " && node.dataset.node === state.picked; // then it plays
  if (node && !again && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    choose(node.dataset.node);
    return;
  }
  if (event.key === "Escape") choose(null);
  if (event.key === " " && on.closest("button, summary")) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  if (action !== "play") play(false);
  actions[action]();
}

// What was clicked keeps no focus: the space bar would press it again. What has the focus by Tab does.
let pointed = false;

function release() {
  if (alone) document.activeElement.blur();
  else root.focus({preventScroll: true});
}

function watchPointer() {
  root.addEventListener("pointerdown", () => { pointed = true; }, true);
  root.addEventListener("keydown", () => { pointed = false; }, true);
  root.addEventListener("click", (event) => {
    if (event.detail && event.target.closest("button, summary, [data-node]")) release();
  });
  root.addEventListener("change", () => { if (pointed) release(); });
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
  });
  $("theme").addEventListener("change", colours);
  for (const [id, change] of [["smaller", -1], ["larger", 1], ["fit", 0]]) {
    $(id).addEventListener("click", () => {
      state.zoom = change ? state.zoom + change : 0;
      state.whole = state.whole || !change;
      size();
    });
  }
  stage.addEventListener("click", (event) => {
    const node = event.target.closest("[data-node]");
    choose(node && node.dataset.node);
  });
  watchPointer();
  root.querySelector(".skip").addEventListener("click", (event) => {
    if (alone) return;
    event.preventDefault(); // the address is another page's
    $("said").focus();
  });
  (alone ? document : root).addEventListener("keydown", pressed);
  if (alone) window.addEventListener("hashchange", recall);
  window.addEventListener("resize", size);
  window.addEventListener("beforeprint", () => {
    $("all").open = true;
    if (steps.length) light(steps[steps.length - 1], steps.length - 1);
  });
  window.addEventListener("afterprint", () => go(state.step));
  show(0);
  if (alone) recall();
  else go(0);
}

start();
