"""What the page that steps through a graph does in a browser: buttons, keys, folding, colours."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import Tensor
from autograd.drawing.writers.html import html
from autograd.graph.data import GraphData
from autograd.graph.folding import fold
from autograd.graph.recorder import record_data
from autograd.words.telling import steps
from tests.makers import leaf
from tests.pages import HOSTILE, Tags, browse, content, drive, needs_browser, network, shared


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
def test_alarms_wait_for_what_they_warn_of(tmp_path: Path) -> None:
    x = leaf([0.0, 1.0])
    found = drive(html(record_data(np.sum(np.sqrt(x)), {"x": x})), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          const words = [...$("stage").querySelectorAll("[data-node=n0] text")].find(
            (one) => one.textContent.includes("inf in the gradient"));
          const rim = $("stage").querySelector("[data-node=n0] > .alarm-line");
          seen.push([words, rim].map((one) => getComputedStyle(one).visibility));
          key("Enter", $("stage").querySelector("[data-node=n0]"));
          seen[k].push($("details").innerText.includes("inf in the gradient"));
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    assert found == 5 * [["hidden", "hidden", False]] + 2 * [["visible", "visible", True]]


@needs_browser
def test_the_gradient_on_a_card_grows(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          const text = $("stage").querySelector("[data-node=n0] .gradient text:last-child");
          seen.push(getComputedStyle(text).visibility === "hidden" ? "" : text.textContent);
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    assert [text for k, text in enumerate(found) if text != found[k - 1]] == ["", "4", "10"]


@needs_browser
def test_a_node_shows_its_details_and_its_uses_by_pointer_and_by_keys(tmp_path: Path) -> None:
    script = """
        key("End");
        const node = (id) => $("stage").querySelector(`[data-node=${id}]`);
        const seen = [];
        for (const act of [() => key("Enter", node("n0")), () => key(" ", node("n0")),
            () => node("n0").dispatchEvent(new MouseEvent("click", {bubbles: true})),
            () => row("a").querySelector("button").click()]) {
          act();
          seen.push([$("details").innerText, document.body.classList.contains("playing"),
                     document.querySelectorAll("#stage [data-edge].use").length]);
          node("n1").dispatchEvent(new MouseEvent("click", {bubbles: true}));
        }
        report([seen, node("n0").getAttribute("aria-label"), node("n0").tabIndex,
                $("details").innerText]);
    """
    seen, label, tab, other = drive(html(shared()), script, tmp_path)
    assert len(seen) == 4 and all(one == seen[0] for one in seen)
    details, playing, uses = seen[0]
    assert details.startswith("a\n") and "hands in 4" in details and "float64" in details
    assert (playing, uses) == (False, 3)
    assert (label, tab) == ("a, input, value 3, gradient 10", 0)
    assert other.startswith("n1\n")


@needs_browser
def test_details_lead_to_the_steps_of_a_node(tmp_path: Path) -> None:
    went = drive(html(shared()), """
        $("stage").querySelector("[data-node=n1]").dispatchEvent(
          new MouseEvent("click", {bubbles: true}));
        const went = [];
        for (const k of [0, 1]) {
          $("details").querySelectorAll("button")[k].click();
          went.push($("said").querySelector("h2").textContent);
        }
        report(went);
    """, tmp_path)  # fmt: skip
    assert went == ["n1: multiply", "Back through n1: multiply"]


@needs_browser
def test_the_picture_grows_and_shrinks(tmp_path: Path) -> None:
    widths = drive(html(shared()), """
        const widths = [];
        for (const id of ["fit", "larger", "larger", "fit", "smaller"]) {
          $(id).click();
          widths.push($("stage").firstElementChild.getBoundingClientRect().width);
        }
        report(widths);
    """, tmp_path)  # fmt: skip
    fit, larger, largest, again, smaller = widths
    assert smaller < fit == again < larger < largest


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
def test_the_page_and_its_picture_change_colours_together(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        const seen = [];
        for (const theme of ["dark", "light", "dark", "auto"]) {
          $("theme").value = theme;
          $("theme").dispatchEvent(new Event("change"));
          const text = $("stage").querySelector("[data-node] text");
          seen.push([getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill]);
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    bright = [[sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in pair] for pair in found]
    assert [ground < ink for ground, ink in bright] == [True, False, True, False]


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


@needs_browser
def test_other_addresses_leave_the_step_alone(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        key("ArrowRight");
        document.querySelector(".skip").click();
        setTimeout(() => {
          const skipped = [step(), document.activeElement.id];
          location.hash = "#step=5";
          setTimeout(() => report([...skipped, step()]), 500);
        }, 500);
    """, tmp_path)  # fmt: skip
    assert found == [1, "said", 4]


@needs_browser
def test_an_address_that_names_no_depth_leaves_the_picture_alone(tmp_path: Path) -> None:
    full = network()
    found = drive(html(fold(full, 0), full), """
        const count = () => document.querySelectorAll("#stage [data-node]").length;
        $("depth").selectedIndex = $("depth").options.length - 1;
        $("depth").dispatchEvent(new Event("change"));
        document.querySelector(".skip").click();
        setTimeout(() => report(count()), 500);
    """, tmp_path)  # fmt: skip
    assert found == len(full.nodes)


def used_twice() -> tuple[GraphData, GraphData]:
    """sum(h·h + h) with h from a module: folded, and open."""
    nn.manual_seed(0)
    h = nn.Sequential(nn.Linear(2, 2, dtype=np.float64), nn.Tanh())(np.ones((3, 2)))
    full = record_data(np.sum(h * h + h), {"h": h})
    return fold(full, 0), full


@needs_browser
def test_a_box_shows_nothing_before_its_time(tmp_path: Path) -> None:
    folded, full = used_twice()
    found = drive(html(folded, full), """
        const box = $("stage").querySelector("[data-node=m0]");
        key("Enter", box);
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          const text = box.querySelector(".gradient text:last-child");
          const shown = getComputedStyle(text).visibility === "hidden" ? "" : text.textContent;
          const [value, slope] = [...$("details").querySelectorAll("h3")].map(
            (one) => one.nextElementSibling.innerText);
          const known = ["not computed yet", "so far, 1 of 3 uses"].findIndex(
            (words) => slope.includes(words));
          seen.push([shown.slice(0, 6), value === "not computed yet", known]);
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    assert [one for k, one in enumerate(found) if not k or one != found[k - 1]] == [
        ["", True, 0], ["", False, 0], ["so far", False, 1], ["mean 0", False, -1]
    ]  # fmt: skip


@needs_browser
def test_what_is_picked_stays_picked_where_the_picture_unfolds(tmp_path: Path) -> None:
    folded, full = used_twice()
    found = drive(html(folded, full), """
        const titles = [];
        const depth = (k) => {
          $("depth").selectedIndex = k;
          $("depth").dispatchEvent(new Event("change"));
          const lit = [...document.querySelectorAll("#stage .picked")];
          titles.push([$("details").querySelector("h2").textContent,
                       ...lit.map((one) => one.dataset.node)]);
        };
        key("Enter", $("stage").querySelector("[data-node=m0]"));
        for (const k of [$("depth").options.length - 1, 0]) depth(k);
        key("Escape");
        depth(0);
        report(titles);
    """, tmp_path)  # fmt: skip
    (h,) = [node.id for node in full.nodes if node.name == "h"]
    assert found == [["h", h], ["h", "m0"], ["A node"]]


@needs_browser
def test_what_grows_is_read_out_in_words(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        key("End"); key("ArrowLeft");
        const said = $("said").cloneNode(true);
        for (const one of said.querySelectorAll("[aria-hidden=true]")) one.remove();
        report(said.textContent);
    """, tmp_path)  # fmt: skip
    assert "The gradient of a grows by 3, from 4 to 7." in found
    assert "+=" not in found and "→" not in found


@needs_browser
def test_a_screen_reader_is_told_no_more_of_a_box_than_is_known(tmp_path: Path) -> None:
    found = drive(html(shared()), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          const [a, square] = ["n0", "n1"].map((id) => $("stage").querySelector(
            `[data-node=${id}]`).getAttribute("aria-label"));
          seen.push([a, square]);
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    a, square = (list(dict.fromkeys(column)) for column in zip(*found))
    assert a == ["a, input, value 3", "a, input, value 3, gradient so far 4",
                 "a, input, value 3, gradient 10"]  # fmt: skip
    assert square == ["n1, multiply ×", "n1, multiply ×, value 9",
                      "n1, multiply ×, value 9, gradient 1"]  # fmt: skip


@needs_browser
def test_cards_are_called_as_the_formulas_call_them(tmp_path: Path) -> None:
    tree = browse(html(shared(), layout="own"), tmp_path)
    picture = tree[tree.index('id="stage"') : tree.index("</svg>", tree.index('id="stage"'))]
    assert all(f">{name}</text>" in picture for name in ("a", "n1", "n3", "n4"))
