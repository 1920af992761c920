"""A headless Chromium, spoken to over its DevTools pipe: what the browser tests need and no more.

Chromium reads commands from descriptor 3 and writes answers and events to 4, each a JSON text ended by a zero
byte. Nothing is installed for it but Chromium itself.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
ANSWER_WITHIN_S = 60


class Browser:
    """One Chromium with one page, whose console and requests are kept in `events`."""

    def __init__(self, profile: Path) -> None:
        theirs_in, out = os.pipe()
        self._in, theirs_out = os.pipe()
        self._out = out

        def as_three_and_four() -> None:
            copies = os.dup(theirs_in), os.dup(theirs_out)  # the pipes' own numbers may be 3 or 4
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, close_fds=False, preexec_fn=as_three_and_four
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._unread = b""
        self._last = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's answer; what else comes before it goes to `events`."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while b"\0" not in self._unread:
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            more = os.read(self._in, 1 << 20)
            if not more:
                raise RuntimeError("Chromium ended")
            self._unread += more
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, page: Path, width: int = 1400, *, dark: bool = False, fragment: str = "") -> None:
        """Load a page anew at a width, in light or dark, and wait until it is drawn."""
        self.events.clear()
        self.ask("Page.navigate", url="about:blank")
        self.look(width, dark=dark)
        self.ask("Page.navigate", url=page.as_uri() + fragment)
        ready = "new Promise(r => { const w = () => document.readyState === 'complete' ? requestAnimationFrame(() => requestAnimationFrame(() => r(location.href))) : setTimeout(w, 5); w(); })"  # noqa: E501
        while "about:blank" in self.run(ready):
            pass

    def look(self, width: int, *, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Show the page at a width, in a colour scheme, on screen or on paper."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.ask("Runtime.evaluate", **asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "thrown"))
        return answer["result"].get("value")

    def first_paint_ms(self) -> float:
        """How long after its navigation the page showed something."""
        self.ask("Page.captureScreenshot")  # a headless browser may wait for somebody to look
        observed = (
            "new Promise(told => new PerformanceObserver(list => list"
            ".getEntriesByName('first-contentful-paint').forEach(entry => told(entry.startTime)))"
            ".observe({ type: 'paint', buffered: true }))"
        )
        return float(self.run(observed))

    def press(self, key: str, *, shift: bool = False) -> None:
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        shown = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **shown)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **shown)

    def picture(self, path: Path, *, top: int = 0, height: int | None = None) -> None:
        """A PNG of the page, or of a strip of it."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        tall = size["height"] - top if height is None else height
        clip = {"x": 0, "y": top, "width": size["width"], "height": tall, "scale": 1}
        taken = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def complaints(self) -> list[str]:
        """What the page said on its console, threw, or was forbidden."""
        said = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                said.append(details.get("exception", {}).get("description") or details["text"])
            elif event["method"] == "Runtime.consoleAPICalled":
                said.append(f"{params['type']}: {[arg.get('value') for arg in params['args']]}")
            elif event["method"] == "Log.entryAdded":
                said.append(params["entry"]["text"])
        return said

    def requests(self) -> list[str]:
        """Every address the page asked for."""
        asked = (event["params"]["request"]["url"] for event in self.events if "request" in event["params"])
        return [url for url in asked if url != "about:blank"]
