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
  document.body.dataset.step = state.step;
  document.body.dataset.phase = step.phase;
  say(step, state.step);
  fill(step, state.step);
  light(step, state.step);
  $("details").setAttribute("aria-live", "off"); // the step is what is to be read out
  if (state.picked) describe();
  clearTimeout(noted); // browsers mind an address that changes thirty times a second
  noted = setTimeout(remember, 200);
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
  if (event.key === "Escape") choose(null);
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
    choose(node && node.dataset.node);
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
