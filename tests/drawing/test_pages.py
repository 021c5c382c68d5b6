"""The page that steps through a graph, used as people use it: keys after clicks, a presenter's
remote, windows from phone to projector, themes, frames, and other people's pages around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nn
from autograd import Graph, Tensor, draw
from autograd.drawing.graph import Graph as Drawn
from tests.browser import Window
from tests.makers import leaf
from tests.pages import content, needs_browser, network, shared

pytestmark = needs_browser


def neuron() -> Graph:
    given = {"w": 2.0, "x": -1.5, "b": 4.0}
    w, x, b = (Tensor(value, requires_grad=True, name=name) for name, value in given.items())
    y = w * x + b
    return draw(y * y + y)


GRAPH = Drawn(shared())
LAST = len(content(GRAPH.to_html())["steps"]) - 1


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with Window(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture
def window(browser: Window) -> Iterator[Window]:
    """The page of a small graph in a usual window; whatever its console said fails the test."""
    browser.resize(1366, 768)
    browser.scheme("light")
    browser.said.clear()
    browser.open(GRAPH.to_html())
    yield browser
    assert browser.said == []


def step(window: Window) -> int:
    return int(window.ask("document.body.dataset.step"))


def picked(window: Window) -> str | None:
    found: str | None = window.ask("document.querySelector('#stage .picked')?.dataset.node")
    return found


def playing(window: Window) -> bool:
    return bool(window.ask("document.body.classList.contains('playing')"))


# ---- keys ---------------------------------------------------------------------------------------

GOES = {"ArrowRight": 1, "ArrowLeft": -1, "PageDown": 1, "PageUp": -1, "Home": -LAST, "End": LAST}
CLICKED = {
    "nothing": None, "a node": "[data-node=n0]", "another node": "[data-node=n1]",
    "next": "#next", "back": "#back", "larger": "#larger", "fit": "#fit", "the slider": "#slider",
    "a row of the table": "#gradients tbody .link", "the picture": "#stage", "all steps": "summary",
    "the words": "#said",
}  # fmt: skip


@pytest.mark.parametrize("clicked", CLICKED)
def test_keys_go_to_steps_whatever_was_clicked(clicked: str, window: Window) -> None:
    if CLICKED[clicked]:
        window.click(CLICKED[clicked] or "")
    window.ask("document.getElementById('first').click()")
    at = 0
    for key in ("ArrowRight", "PageDown", "PageDown", "PageUp", "ArrowLeft", "End", "PageUp",
                "PageDown", "PageDown", "Home", "PageUp"):  # fmt: skip
        at = min(max(at + GOES[key], 0), LAST)
        window.press(key)
        assert (key, step(window)) == (key, at)


@pytest.mark.parametrize("clicked", CLICKED)
def test_the_space_bar_plays_whatever_was_clicked(clicked: str, window: Window) -> None:
    if CLICKED[clicked]:
        window.click(CLICKED[clicked] or "")
    before = picked(window), step(window), window.ask("document.getElementById('all').open")
    window.press(" ")
    assert playing(window)
    window.press(" ")
    assert not playing(window)
    after = picked(window), step(window), window.ask("document.getElementById('all').open")
    assert after == before


def test_the_play_button_and_the_space_bar_take_turns(window: Window) -> None:
    seen = []
    for act in (lambda: window.click("#play"), lambda: window.press(" "),
                lambda: window.press(" "), lambda: window.click("#play")):  # fmt: skip
        act()
        seen.append(playing(window))
    assert seen == [True, False, True, False]


def test_what_the_tab_key_reaches_is_pressed_by_the_space_bar(window: Window) -> None:
    window.ask("document.querySelector('[data-node=n1]').focus()")
    window.press(" ")
    assert (picked(window), playing(window)) == ("n1", False)
    window.press(" ")  # picked already: it is not picked again
    assert (picked(window), playing(window)) == ("n1", True)
    window.press(" ", "Escape")
    assert (picked(window), playing(window)) == (None, False)
    window.press("Enter")
    assert picked(window) == "n1"
    window.ask("document.getElementById('next').focus()")
    at = step(window)
    window.press(" ")
    assert (step(window), playing(window)) == (at + 1, False)


def test_a_list_keeps_its_keys_until_it_was_chosen_from(window: Window) -> None:
    nn.manual_seed(0)
    full = network()
    window.open(Drawn(full).to_html())
    window.ask("document.getElementById('theme').focus()")
    window.press("PageDown")
    assert step(window) == 0


# ---- windows ------------------------------------------------------------------------------------

SCREENS = {
    "phone": (390, 844), "laptop": (1366, 768), "projector": (1920, 1080), "4K": (3840, 2160),
}  # fmt: skip


def letters(window: Window) -> float:
    """How high the letters of the picture are, in pixels."""
    return float(window.ask(
        "(() => { const svg = document.querySelector('#stage > svg'); return 11 * "
        "svg.getBoundingClientRect().width / svg.viewBox.baseVal.width; })()"
    ))  # fmt: skip


@pytest.mark.parametrize(
    "screen, least", [("phone", 7), ("laptop", 14), ("projector", 21), ("4K", 26)]
)
def test_the_picture_uses_the_room(screen: str, least: float, window: Window) -> None:
    window.resize(*SCREENS[screen])
    window.open(neuron().to_html())
    assert letters(window) >= least
    assert window.ask("document.documentElement.scrollWidth") <= SCREENS[screen][0]
    stage, svg = window.ask(
        "['#stage', '#stage > svg'].map((one) => document.querySelector(one)"
        ".getBoundingClientRect()).map((box) => [box.width, box.height])"
    )
    if screen != "phone":  # all of it is seen
        assert svg[0] <= stage[0] and svg[1] <= stage[1] + 1
    words = window.ask("parseFloat(getComputedStyle(document.getElementById('said')).fontSize)")
    assert words >= (20 if screen in ("projector", "4K") else 16)


def test_a_long_picture_can_be_read_from_afar_and_shown_whole(window: Window) -> None:
    nn.manual_seed(0)
    model = nn.MLP([2, 16, 16, 1])
    window.resize(*SCREENS["projector"])
    window.open(draw(nn.MSELoss()(model([[1.0, 2.0]] * 8), [[0.0]] * 8), names=model).to_html())
    assert letters(window) >= 12
    for key in ("End", "Home"):  # what is told of is in sight
        window.press(key, "PageDown", "PageUp", "PageUp")
        lit, stage = window.ask(
            "[document.querySelector('#stage .now'), document.getElementById('stage')].map("
            "(one) => one.getBoundingClientRect()).map((box) => [box.left, box.right])"
        )
        assert stage[0] <= lit[0] and lit[1] <= stage[1]
    window.click("#fit")
    stage, svg = window.ask(
        "['stage', 'stage > svg'].map((one) => document.querySelector('#' + one).clientWidth)"
    )
    assert 0.95 * stage < svg <= stage


def test_a_window_that_grows_has_a_picture_that_grows(window: Window) -> None:
    window.resize(1000, 700)
    window.open(neuron().to_html())
    before = letters(window)
    window.resize(1920, 1080)
    window.ask("new Promise((done) => setTimeout(done, 100))")
    assert letters(window) > before * 1.5


def test_the_print_is_light_and_no_wider_than_paper(window: Window) -> None:
    window.scheme("dark")
    window.open(GRAPH.to_html(theme="dark"))
    window.call("Emulation.setEmulatedMedia", media="print")
    paper, width = window.ask(
        "[getComputedStyle(document.querySelector('#stage .paper')).fill, "
        "document.querySelector('#stage > svg').getBoundingClientRect().width]"
    )
    window.call("Emulation.setEmulatedMedia", media="")
    assert paper == "rgb(255, 255, 255)" and width <= 1366


# ---- themes -------------------------------------------------------------------------------------

BRIGHT = {
    ("auto", "light"): True, ("auto", "dark"): False, ("light", "light"): True,
    ("light", "dark"): True, ("dark", "light"): False, ("dark", "dark"): False,
}  # fmt: skip


def is_bright(colour: str) -> bool:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) > 380


@pytest.mark.parametrize("theme, system", BRIGHT)
def test_pages_have_the_colours_that_were_asked_for(
    theme: str, system: str, window: Window
) -> None:
    window.scheme(system)
    window.open(draw(leaf(2.0) * 3.0, theme=theme).to_html())
    colours = window.ask(
        "[getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.querySelector('.chalkgrad-page')).backgroundColor, "
        "getComputedStyle(document.querySelector('#stage .paper')).fill]"
    )
    assert [is_bright(colour) for colour in colours] == 3 * [BRIGHT[theme, system]]
    assert window.ask("document.getElementById('theme').value") == theme


@pytest.mark.parametrize("theme, system", BRIGHT)
@pytest.mark.parametrize("how", ["alone", "image"])
def test_pictures_have_the_colours_that_were_asked_for(
    theme: str, system: str, how: str, window: Window, tmp_path: Path
) -> None:
    window.scheme(system)
    graph = draw(leaf(2.0) * 3.0)
    if how == "alone":
        graph.fold(None)
        file = tmp_path / "picture.svg"
        file.write_text(graph.to_svg(theme=theme), encoding="utf-8")
        window.visit(file.as_uri())
    else:
        themed = Drawn(graph.data._replace(theme=theme))
        window.open(f"<body style='margin:0'>{themed._repr_mimebundle_()['text/html']}")
        assert window.ask("document.images[0].naturalWidth") > 100
    assert is_bright(window.pixel(4, 4)) == BRIGHT[theme, system]


def test_another_theme_can_be_chosen_all_the_same(window: Window) -> None:
    window.open(GRAPH.to_html(theme="light"))
    window.ask("(() => { const one = document.getElementById('theme'); one.value = 'dark'; "
               "one.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert not is_bright(window.ask("getComputedStyle(document.body).backgroundColor"))
    assert not is_bright(window.ask("getComputedStyle(document.querySelector('.paper')).fill"))


# ---- in other pages -----------------------------------------------------------------------------

# What notebooks do with HTML: it becomes the content of an element, and then its scripts run.
HOST = """<!doctype html><style>p { color: rgb(1, 2, 3); }
@media (prefers-color-scheme: dark) { p { color: rgb(4, 5, 6); } }</style>
<body style="margin: 7px"><p id="stage">a notebook</p><button id="next">its own</button>
<input id="data"><div class="cell"></div><div class="cell"></div>
<script>
function show(k, html) {
  const output = document.querySelectorAll(".cell")[k];
  output.innerHTML = html;
  for (const old of output.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const {name, value} of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}
</script></body>"""


def host(window: Window, *pages: str) -> None:
    window.open(HOST)
    for k, page in enumerate(pages):
        window.ask(f"show({k}, {json.dumps(page)})")


def steps(window: Window) -> list[str]:
    found: list[str] = window.ask(
        "[...document.querySelectorAll('.chalkgrad-page')].map((one) => one.dataset.step)"
    )
    return found


LOOK = """JSON.stringify([document.body, document.getElementById("stage"),
  document.getElementById("next")].map((one) => [...getComputedStyle(one)].filter(
    (name) => !/size$|origin|^(width|height|(inset|perspective).*)$/.test(name)).map(
    (name) => name + getComputedStyle(one).getPropertyValue(name))))"""


def test_two_pages_in_a_notebook_leave_it_and_each_other_alone(window: Window) -> None:
    window.open(HOST)
    before = window.ask(LOOK), window.ask("location.href"), window.ask("history.length")
    host(window, GRAPH.to_html(), neuron().to_html(theme="dark"))
    assert steps(window) == ["0", "0"]
    window.press("PageDown", "ArrowRight", "End", " ")  # nobody is asked yet
    assert steps(window) == ["0", "0"]
    window.click(".cell:first-of-type [data-node]")
    window.press("PageDown", "ArrowRight")
    assert steps(window) == ["2", "0"]
    window.click(".cell:last-of-type #next")
    window.press("PageDown")
    assert steps(window) == ["2", "2"]
    window.press("End")
    assert steps(window) != ["2", "2"]
    window.ask("document.querySelector('.skip').click()")
    window.ask("new Promise((done) => setTimeout(done, 400))")
    assert (window.ask(LOOK), window.ask("location.href"), window.ask("history.length")) == before
    ignored = [said for said in window.said if "outside the document's <head>" in said]
    assert window.said == ignored  # the page's policy is of no use here, says the browser
    window.said.clear()


def test_frames_show_the_page_and_are_shut_in(window: Window) -> None:
    frames = GRAPH.stepper(), neuron().stepper(theme="dark", height=600)
    window.open(f"<body>{''.join(frame._repr_html_() for frame in frames)}</body>")
    assert window.ask("document.querySelectorAll('iframe').length") == 2
    for k in range(2):
        assert window.ask("document.body.dataset.step", frame=k) == "0"
        assert window.ask("Boolean(document.getElementById('said').textContent)", frame=k)
    x, y = window.ask(
        "(() => { const box = document.querySelectorAll('iframe')[1].getBoundingClientRect(); "
        "return [box.left + 8, box.top + 8]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        window.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    window.press("PageDown", "ArrowRight", "ArrowRight")
    assert [window.ask("document.body.dataset.step", frame=k) for k in range(2)] == ["0", "3"]
    dark = window.ask("getComputedStyle(document.body).backgroundColor", frame=1)
    assert not is_bright(dark)
    tops = window.ask("[...document.querySelectorAll('iframe')].map("
                      "(one) => one.getBoundingClientRect().height)")  # fmt: skip
    assert tops == [frames[0].height, 600]


@pytest.mark.parametrize("width", [390, 700, 930, 1200])
def test_a_frame_shows_picture_and_words(width: int, window: Window) -> None:
    window.resize(width, 900)
    window.open(f"<body style='margin:0'>{neuron().stepper()._repr_html_()}</body>")
    wide, high = window.ask("[innerWidth, innerHeight]", frame=0)
    assert window.ask("document.documentElement.scrollWidth", frame=0) <= wide
    for part in ("#stage", "#said"):
        top, bottom = window.ask(
            f"(() => {{ const box = document.querySelector('{part}').getBoundingClientRect(); "
            "return [box.top, box.bottom]; })()", frame=0,
        )  # fmt: skip
        assert top >= 0 and bottom <= high + (120 if width < 600 else 0), part


def test_under_a_frame_that_is_not_shown_lies_the_picture(window: Window) -> None:
    html = re.sub(r"<iframe.*?</iframe>", "", GRAPH.stepper()._repr_html_(), flags=re.DOTALL)
    window.open(html)
    width, high = window.ask(
        "[document.images[0].complete && document.images[0].naturalWidth, "
        "document.images[0].parentElement.getBoundingClientRect().height]"
    )
    assert width > 100 and high < 300  # and no empty room below it
