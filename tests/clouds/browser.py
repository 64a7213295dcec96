"""Headless Chromium, told what to do through its driver: the WebDriver protocol is JSON over HTTP."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.services.process import ServerProcess, free_port, listens

BACKSPACE, ENTER, CONTROL, LEFT, RIGHT, DELETE = "\ue003", "\ue007", "\ue009", "\ue012", "\ue014", "\ue017"
"""Keys without a character, as WebDriver names them."""

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = [
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1366,768",
]
_PATIENCE_S = 20

T = TypeVar("T")


class Browser:
    """A session in a browser with an empty profile of its own; ``downloads`` is where it puts files."""

    def __init__(self, driver: str, chromium: Path, folder: Path, keeps: bool = True) -> None:
        """Start a browser; ``keeps``: pages may keep data in it."""
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        options = {
            "binary": str(chromium),
            "args": [*_FLAGS, f"--user-data-dir={folder / 'profile'}"],
            "prefs": {
                "download.default_directory": str(self.downloads),
                "download.prompt_for_download": False,
                "profile.default_content_setting_values.cookies": 1 if keeps else 2,
            },
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._http, self._url = requests.Session(), driver
        self._http.trust_env = False  # no proxy between here and here
        answer = self._send("POST", "/session", capabilities={"alwaysMatch": wanted})
        self._url += f"/session/{answer['sessionId']}"

    def close(self) -> None:
        self._send("DELETE", "")

    def forget(self, page: Path) -> None:
        """Lose all that was kept, downloaded and said, and all tabs but one; ``page``: any file."""
        first, *others = self._send("GET", "/window/handles")
        for name in others:
            self.go_to_tab(name)
            self._send("DELETE", "/window")
        self.go_to_tab(first)
        self.open(page)
        self.run("localStorage.clear()")
        self.complaints()
        for file in self.downloads.iterdir():
            file.unlink()

    def open(self, page: Path) -> None:
        self._send("POST", "/url", url=page.as_uri())

    def reload(self) -> None:
        self._send("POST", "/refresh")

    def open_tab(self) -> str:
        """Open another tab and go there; return the name of the one before."""
        before = str(self._send("GET", "/window"))
        self.go_to_tab(self._send("POST", "/window/new", type="tab")["handle"])
        return before

    def go_to_tab(self, name: str) -> None:
        self._send("POST", "/window", handle=name)

    def press(self, keys: str, held: str = "") -> None:
        """Press keys and let them go, one after the other, while those ``held`` are down."""
        presses = [{"type": "keyDown", "value": key} for key in held]
        presses += [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        presses += [{"type": "keyUp", "value": key} for key in held]
        self._send("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": presses}])

    def click(self, selector: str) -> None:
        self._send("POST", f"/element/{self._find(selector)}/click")

    def choose_file(self, selector: str, file: Path) -> None:
        self._send("POST", f"/element/{self._find(selector)}/value", text=str(file))

    def text(self, selector: str) -> str:
        """What can be read in an element."""
        return str(self._send("GET", f"/element/{self._find(selector)}/text"))

    def run(self, script: str) -> Any:
        """Run the body of a function in the page and return its result."""
        return self._send("POST", "/execute/sync", script=script, args=[])

    def answer_question(self, yes: bool) -> str:
        """Wait for the question that the page asks, answer it, and return its text."""
        text = wait_for(self._question, "a question")
        self._send("POST", "/alert/accept" if yes else "/alert/dismiss")
        return text

    def complaints(self) -> list[str]:
        """What the console has said since the last call: errors in scripts, refused loads."""
        return [entry["message"] for entry in self._send("POST", "/se/log", type="browser")]

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def downloaded(self, name: str) -> Path:
        """Wait for a download to end: it takes the place of an empty file that holds its name."""
        path = self.downloads / name
        wait_for(lambda: path.is_file() and path.stat().st_size, f"{path} to be there")
        return path

    def _question(self) -> str:
        try:
            return str(self._send("GET", "/alert/text"))
        except AssertionError:  # none is asked
            return ""

    def _find(self, selector: str) -> str:
        found = self._send("POST", "/element", using="css selector", value=selector)
        return str(found[_ELEMENT])

    def _send(self, method: str, path: str, **body: Any) -> Any:
        content = json.dumps(body) if method == "POST" else None
        answer = self._http.request(method, self._url + path, data=content, timeout=60).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{path}: {answer['error']}: {answer['message']}")
        return answer


def wait_for(answer: Callable[[], T], what: str) -> T:
    """Wait until an answer counts as true, and return it."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        found = answer()
        if found:
            return found
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@contextmanager
def driver_process(driver: Path, folder: Path) -> Iterator[str]:
    """Run chromedriver; give its URL."""
    port = free_port()
    with ServerProcess([driver, f"--port={port}"], folder / "chromedriver.log") as process:
        process.wait_until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
