"""A browser, used as people use it: real clicks and keys, windows of any size, light or dark.

Chromium is told what to do through a pipe, in its DevTools protocol; nothing else is needed.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.pages import BROWSER

# name: code of the key, its number in Windows, the text that it types
KEYS = {
    "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowUp": ("ArrowUp", 38, ""), "ArrowDown": ("ArrowDown", 40, ""),
    "PageUp": ("PageUp", 33, ""), "PageDown": ("PageDown", 34, ""), "Home": ("Home", 36, ""),
    "End": ("End", 35, ""), " ": ("Space", 32, " "), "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""),
}  # fmt: skip

_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


class Window:
    """One window of a browser of its own, which ends with the `with` block."""

    def __init__(self, folder: Path, width: int = 1366, height: int = 768, dark: bool = False):
        self.folder, self.said, self.events = folder, [], []
        theirs_in, self.ours_out = os.pipe()
        self.ours_in, theirs_out = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), BROWSER, "--headless",
             "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", 
             "--disable-smooth-scrolling",
             "--disable-features=IsolateSandboxedIframes",  # so that frames can be asked, too
             f"--user-data-dir={folder / 'window'}", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.number, self.session = b"", 0, ""
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.scheme("dark" if dark else "light")

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours_out)
        os.close(self.ours_in)

    # ---- messages ---------------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> Any:
        """What the browser answers to a command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.ours_out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def wait(self, event: str) -> None:
        while event not in self.events:
            self._read()

    def _read(self) -> Any:
        while b"\0" not in self.buffer:
            more = os.read(self.ours_in, 1 << 20)
            assert more, "the browser has gone"
            self.buffer += more
        message, _, self.buffer = self.buffer.partition(b"\0")
        answer = json.loads(message)
        self.events.append(answer.get("method"))
        if answer.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled",
                                    "Log.entryAdded"):  # fmt: skip
            self.said.append(json.dumps(answer["params"])[:1000])
        return answer

    # ---- what people do ---------------------------------------------------------------------

    def open(self, page: str, address: str = "") -> None:
        """Open a page from a file of its own."""
        file = self.folder / "opened.html"
        file.write_text(page, encoding="utf-8", newline="")
        self.visit(file.as_uri() + address)

    def visit(self, url: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def ask(self, expression: str, frame: int | None = None) -> Any:
        """The value of an expression of JavaScript, or what its promise brings; in the page, or in
        one of its frames."""
        where = {}
        if frame is not None:
            frames = self.call("Page.getFrameTree")["frameTree"]["childFrames"]
            world = self.call("Page.createIsolatedWorld", frameId=frames[frame]["frame"]["id"])
            where = {"contextId": world["executionContextId"]}
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
            **where,
        )  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the left button in the middle of an element."""
        x, y = self.ask(
            f"(async () => {{ const one = document.querySelector({json.dumps(selector)}); "
            "one.scrollIntoView({block: 'nearest'}); const shown = () => new Promise("
            "requestAnimationFrame); await shown(); await shown(); const box = "
            "one.getBoundingClientRect(); "
            "return [(box.left + box.right) / 2, (box.top + box.bottom) / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        for key in keys:
            code, number, text = KEYS[key]
            told = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            typed = {"text": text} if text else {}
            kind = "keyDown" if text else "rawKeyDown"
            self.call("Input.dispatchKeyEvent", type=kind, **told, **typed)
            self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        self.ask(  # a page that is opened before it is told has the room of the old window
            "new Promise((done) => { const look = () => "
            f"innerWidth === {width} && innerHeight === {height} ? done(true) : setTimeout(look, 5)"
            "; look(); })"
        )

    def scheme(self, name: str) -> None:
        """Whether the system is "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def pixel(self, x: int, y: int) -> str:
        """The colour of a point of the window, as the browser says it."""
        shot = "data:image/png;base64," + self.call("Page.captureScreenshot")["data"]
        found: str = self.ask(
            f"(async () => {{ const image = new Image(); image.src = {json.dumps(shot)}; "
            "await image.decode(); const canvas = new OffscreenCanvas(image.width, image.height); "
            "const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0); "
            f"return `rgb(${{[...pen.getImageData({x}, {y}, 1, 1).data].slice(0, 3)}})`; }})()"
        )
        return found

    def shot(self, path: Path) -> None:
        """A picture of the window."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
