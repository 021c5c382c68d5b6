"""Pages to test, what is in their files, and a browser that opens them."""

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
from autograd.graph.data import GraphData
from autograd.graph.recorder import record_data
from tests.makers import leaf

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
