"""The page that steps through a graph: what is in the file, and what it does in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor
from autograd.drawing.data import GraphData, Node
from autograd.drawing.folding import fold
from autograd.drawing.recorder import record_data
from autograd.drawing.steps import steps
from autograd.drawing.writers import html as writer
from autograd.drawing.writers.html import html

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), "")
needs_browser = pytest.mark.skipif(not BROWSER, reason="chromium is not installed")

HOSTILE = {
    "script": "</script><img src=x onerror=alert(1)>",
    "comment": "<!--<script>",
    "quotes": "\"'`&lt;&amp;",
    "lines": "a\nb\r\u2028\u2029\x00\x07",
    "template": "</template></svg>{{data}}{{script}}",
    "wide": "漢字🙂ﷺ\u202eabc",
    "surrogate": "\ud800",
    "long": "n" * 10_000,
}


def leaf(value: Any) -> Tensor:
    return Tensor(value, requires_grad=True)


def shared(name: str = "a") -> GraphData:
    """y = a·a + c·a: three uses of a."""
    a = leaf(3.0)
    return record_data(a * a + 4.0 * a, {name: a})


def network(rows: int = 8) -> GraphData:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    return record_data(nn.MSELoss()(model(np.ones((rows, 2))), np.zeros((rows, 1))))


def content(page: str) -> Any:
    """The JSON that the script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def markup(page: str) -> tuple[dict[str, int], set[str]]:
    """How often each tag occurs, but for those of pictures; and all attributes that run scripts."""
    tags = Tags(page).found
    drawn = {"g", "path", "rect", "text", "title", "polygon", "ellipse", "circle", "tspan"}
    counts = Counter(tag for tag, _ in tags if tag not in drawn)
    return counts, {key for _, a in tags for key in a if key.startswith("on")}


# ---- the file ---------------------------------------------------------------------------------


def test_the_page_is_one_file_that_names_no_other() -> None:
    page = html(shared())
    tags = Tags(page).found
    assert not [a for _, a in tags if {"src", "href", "action", "data"} & set(a)
                and not (a.get("href") or "").startswith("#")]  # fmt: skip
    assert not {tag for tag, _ in tags} & {"link", "img", "iframe", "object", "embed", "base"}
    assert "@import" not in page and "url(http" not in page
    assert set(re.findall(r"https?://[\w.]+", page)) <= {"http://www.w3.org"}  # SVG's own name


def test_the_policy_allows_the_script_of_the_page_alone() -> None:
    ((_, meta),) = [
        (tag, a) for tag, a in Tags(html(shared())).found
        if a.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    policy = meta["content"] or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "script-src 'unsafe-inline'" not in policy


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert html(shared(), layout="own") == html(shared(), layout="own")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_become_no_markup(name: str) -> None:
    usual, hostile = html(shared(), layout="own"), html(shared(HOSTILE[name]), layout="own")
    assert markup(hostile) == markup(usual)
    hostile.encode("utf-8")
    assert len(content(hostile)["nodes"]) == len(content(usual)["nodes"])


@pytest.mark.parametrize("name", HOSTILE)
def test_titles_notes_and_settings_become_no_markup(name: str) -> None:
    def page(text: str) -> str:
        node = Node("n0", "output", text, text, value=np.ones(2), shape=(2,), formula=text,
                    scope=(text,), settings={text[:40] or "x": text})  # fmt: skip
        return html(GraphData((node,), (), notes=(text,)), layout="own")

    usual, hostile = page("usual"), page(HOSTILE[name])
    assert markup(hostile) == markup(usual)
    assert content(hostile)["nodes"][0]["kind"] == "output"


def test_what_is_not_finite_is_told_in_words() -> None:
    x = leaf([np.inf, np.nan, 1.0])
    found = content(html(record_data(x * 2.0, {"x": x})))
    assert found["nodes"][0]["value"]["rows"] == [["inf", "nan", "1"]]


def test_small_values_come_with_their_entries_and_large_ones_with_statistics() -> None:
    x = leaf(np.arange(12.0).reshape(2, 2, 3))
    nodes = content(html(record_data(x.sum())))["nodes"]
    assert nodes[0]["value"]["rows"][3] == ["9", "10", "11"]
    y = leaf(np.zeros((32, 10)))
    nodes = content(html(record_data(y.sum())))["nodes"]
    assert "rows" not in nodes[0]["value"]
    assert "320 zeros among 320" in nodes[0]["value"]["about"]


def test_states_of_gradients_stay_apart() -> None:
    a, c = leaf(0.0), Tensor(2.0)
    nodes = content(html(record_data(a * c, {"a": a, "c": c})))["nodes"]
    assert [node["state"] for node in nodes] == ["computed", "constant", "computed"]
    assert [node["gradient"]["short"] for node in nodes if "gradient" in node] == ["2", "1"]


def test_a_zero_gradient_is_zero() -> None:
    a = leaf(0.0)
    nodes = content(html(record_data(a * a, {"a": a})))["nodes"]
    assert (nodes[0]["state"], nodes[0]["gradient"]["short"]) == ("computed", "0")


def test_a_network_is_offered_at_every_depth() -> None:
    full = network()
    page = html(fold(full, 0), full)
    views = content(page)["views"]
    counts = [len(box["folded"]) for box in views]
    assert counts[0] and counts[-1] == 0
    assert page.count("<template>") == len(views) - 1 == page.count("<option>") - 1


def test_every_node_has_its_box_and_every_use_its_edge_at_every_depth() -> None:
    full = network()
    for depth in (0, 1):
        view = fold(full, depth)
        ids = {node.id for node in view.nodes}
        known = content(html(view, full))
        boxes = known["views"][0]["boxes"]
        assert {boxes.get(node.id, node.id) for node in full.nodes} == ids
        for (source, target, *_), line in zip(known["edges"], known["views"][0]["edges"]):
            ends = boxes.get(source, source), boxes.get(target, target)
            assert (line == -1) == (ends[0] == ends[1])
            if line >= 0:
                assert ends == (view.edges[line].source, view.edges[line].target)


def test_the_two_uses_in_a_square_are_two_edges() -> None:
    a = leaf(3.0)
    assert content(html(record_data(a * a)))["views"][0]["edges"] == [0, 1]


def test_a_graph_with_too_many_nodes_is_stepped_through_as_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = network()
    monkeypatch.setattr(writer, "MOST_STEPS", len(full.nodes) - 1)
    page = html(fold(full, 0), full)
    assert len(content(page)["nodes"]) == len(fold(full, 0).nodes)
    assert f"not of all {len(full.nodes)} nodes" in page


def test_depths_with_too_many_boxes_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    full = network()
    monkeypatch.setattr(writer, "MOST_DRAWN", len(full.nodes) - 1)
    views = content(html(fold(full, 0), full))["views"]
    assert all(view["folded"] for view in views)


def test_a_long_chain_gives_a_file_of_moderate_size() -> None:
    x = leaf(np.ones(90))
    y = x
    for _ in range(300):
        y = y * 1.01
    assert len(html(record_data(y), layout="own")) < 3_000_000


# ---- in a browser -----------------------------------------------------------------------------


def browse(page: str, tmp_path: Path, *options: str, address: str = "") -> str:
    """The page's tree after it was opened from a file; fails where the console has a message."""
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8", newline="")
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000",
         *options, "--dump-dom", file.as_uri() + address],
        capture_output=True, text=True, timeout=120, encoding="utf-8",
    )  # fmt: skip
    assert "CONSOLE" not in run.stderr, run.stderr
    return run.stdout


def drive(page: str, script: str, tmp_path: Path, *options: str) -> Any:
    """What a script reports that runs in a copy of the page: `report(value)`, perhaps later."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page)
    tools = """
      const $ = (id) => document.getElementById(id);
      const step = () => Number(document.body.dataset.step);
      const key = (name, on = document.body, more = {}) => on.dispatchEvent(
        new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true, ...more}));
      const row = (name) => [...document.querySelectorAll("#gradients tbody tr")].find(
        (one) => one.querySelector("button").textContent === name);
      const report = (value) => { document.body.dataset.report = JSON.stringify(value); };
    """
    page = page.replace("</body>", f"<script>(() => {{{tools}{script}}})()</script></body>")
    tree = Tags(browse(page, tmp_path, *options)).found
    reports = [a["data-report"] for tag, a in tree if tag == "body" and "data-report" in a]
    assert reports, "the script reported nothing"
    return json.loads(reports[0] or "")


@needs_browser
@pytest.mark.parametrize("name", ["shared", "network", "hostile", "reasons"])
def test_the_page_opens_from_a_file_without_a_word_on_the_console(
    name: str, tmp_path: Path
) -> None:
    named = {text: leaf(1.0) for text in HOSTILE.values()}
    graphs = {
        "shared": shared, "network": network,
        "hostile": lambda: record_data(sum(named.values(), Tensor(0.0)), named),
        "reasons": lambda: record_data(Tensor(2.0)),
    }  # fmt: skip
    tree = browse(html(graphs[name]()), tmp_path, address="#step=2")
    assert f"· step 2 of {len(steps(graphs[name]()))}" in tree
    assert "onerror" not in {key for _, a in Tags(tree).found for key in a}


@needs_browser
def test_buttons_keys_and_slider_go_to_the_same_steps(tmp_path: Path) -> None:
    went = drive(html(shared()), """
        const went = [];
        const did = (what) => { what(); went.push(step()); };
        for (const id of ["next", "next", "back", "last", "next", "first", "back"]) {
          did(() => $(id).click());
        }
        for (const name of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home",
                            "ArrowLeft"]) did(() => key(name));
        did(() => { $("slider").value = 4; $("slider").dispatchEvent(new Event("input")); });
        did(() => key("ArrowRight", $("slider")));                   // the slider's own business
        did(() => key("ArrowRight", document.body, {altKey: true})); // the browser's
        did(() => key("ArrowRight", $("next")));
        report([went, Number($("slider").max)]);
    """, tmp_path)  # fmt: skip
    last = went[1]
    assert last == len(content(html(shared()))["steps"]) - 1
    assert went[0] == 2 * [1, 2, 1, last, last, 0, 0] + [4, 4, 4, 5]


@needs_browser
def test_playing_goes_on_to_the_end_and_stops(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        key(" ");
        const begun = $("play").textContent.trim();
        setTimeout(() => report([begun, step(), $("play").textContent.trim()]), 18000);
    """, tmp_path)  # fmt: skip
    assert found == ["Pause", len(content(html(shared()))["steps"]) - 1, "Play"]


@needs_browser
def test_playing_can_be_paused(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        $("play").click();
        setTimeout(() => $("play").click(), 3500);
        setTimeout(() => report([step(), $("play").textContent.trim()]), 9000);
    """, tmp_path)  # fmt: skip
    assert found == [2, "Play"]


@needs_browser
def test_gradients_grow_addition_by_addition(tmp_path: Path) -> None:
    """y = a·a + 4·a at 3: 1·4 first, then 3 and 3 more."""
    found = drive(html(shared()), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          seen.push(row("a").lastChild.textContent);
          key("ArrowRight");
        }
        report([seen, row("4").lastChild.textContent]);
    """, tmp_path)  # fmt: skip
    texts = [text for k, text in enumerate(found[0]) if k == 0 or text != found[0][k - 1]]
    assert texts == ["not computed yet", "4 so far, 1 of 3 uses", "10"]
    assert found[1] == "constant"


@needs_browser
def test_each_step_is_said_and_lit(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        key("End"); key("ArrowLeft");
        const classes = (id) => [...$("stage").querySelector(`[data-node=${id}]`).classList];
        report([$("said").innerText, $("said").getAttribute("aria-live"), classes("n0"),
                classes("n1"), document.querySelectorAll("#stage [data-edge].flows").length]);
    """, tmp_path)  # fmt: skip
    said, live, a, square, flowing = found
    assert live == "polite"
    for part in ("Back through n1: multiply", "its only use", "∂L/∂a += 3", "4 → 7", "7 → 10"):
        assert part in said
    assert "grows" in a and "now" in square
    assert flowing == 2


@needs_browser
def test_values_appear_as_the_forward_pass_reaches_them(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        const seen = [];
        for (let k = 0; k < 4; k += 1) {
          seen.push([row("n1").children[1].textContent,
                     $("stage").querySelector("[data-node=n1]").classList.contains("waiting")]);
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    assert found == [["", True], ["9", False], ["9", False], ["9", False]]


@needs_browser
@pytest.mark.parametrize("way", ["click", "Enter", " "])
def test_a_node_shows_its_details_and_its_uses(way: str, tmp_path: Path) -> None:
    act = "node.dispatchEvent(new MouseEvent('click', {bubbles: true}))" if way == "click" else (
        f"key({way!r}, node)")  # fmt: skip
    details, uses, playing, label = drive(html(shared()), f"""
        const node = $("stage").querySelector("[data-node=n0]");
        key("End");
        {act};
        report([$("details").innerText, document.querySelectorAll("#stage [data-edge].use").length,
                document.body.classList.contains("playing"), node.getAttribute("aria-label")]);
    """, tmp_path)  # fmt: skip
    assert details.startswith("a\n") and "hands in 4" in details and "float64" in details
    assert uses == 3
    assert not playing
    assert label == "a, input, value 3"


@needs_browser
def test_a_network_unfolds_and_its_boxes_stand_for_their_nodes(tmp_path: Path) -> None:
    full = network()
    found = drive(html(fold(full, 0), full), """
        const lit = () => [...document.querySelectorAll("#stage [data-node].now")].map(
          (one) => one.dataset.node);
        key("ArrowRight");
        const seen = [[document.querySelectorAll("#stage [data-node]").length, lit().length]];
        $("depth").selectedIndex = $("depth").options.length - 1;
        $("depth").dispatchEvent(new Event("change"));
        seen.push([document.querySelectorAll("#stage [data-node]").length, lit().length]);
        report([seen, lit(), step()]);
    """, tmp_path)  # fmt: skip
    seen, lit, at = found
    assert seen == [[len(fold(full, 0).nodes), 1], [len(full.nodes), 1]]
    assert at == 1 and lit == content(html(full))["steps"][1]["nodes"]


@needs_browser
@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_page_and_its_picture_change_colours_together(theme: str, tmp_path: Path) -> None:
    ground, ink = drive(html(shared()), f"""
        $("theme").value = {theme!r};
        $("theme").dispatchEvent(new Event("change"));
        const text = $("stage").querySelector("[data-node] text");
        report([getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill]);
    """, tmp_path)  # fmt: skip
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (bright[0] < bright[1]) == (theme == "dark")


@needs_browser
def test_what_is_shown_can_be_told_from_the_address(tmp_path: Path) -> None:
    full = network()
    tree = browse(html(fold(full, 0), full), tmp_path, address="#step=4&depth=1")
    assert 'data-step="3"' in tree
    assert f'data-node="{full.nodes[-1].id}"' in tree


@needs_browser
def test_the_print_holds_all_steps(tmp_path: Path) -> None:
    rows = drive(html(shared()), """
        dispatchEvent(new Event("beforeprint"));
        report([$("all").open, $("all").querySelector("tbody").innerText]);
    """, tmp_path)  # fmt: skip
    assert rows[0] is True
    assert "∂L/∂a += g × a₂ = 1 × 3 = 3 (4 → 7)" in rows[1]
