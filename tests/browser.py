"""Headless Chromium, told what to do by its own protocol over a pipe."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--disable-background-networking", "--disable-dev-shm-usage"),
    *("--host-resolver-rules=MAP * ~NOTFOUND",),  # the page loads nothing from elsewhere
)


class Browser:
    """One page in a browser of its own, which ends with the context."""

    def __init__(self, folder):
        program = shutil.which("chromium")
        assert program, "the tests of the web page need a browser: apt-get install -y chromium"
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()

        def place():
            for each, number in ((os.dup(commands), 3), (os.dup(answers), 4)):
                os.dup2(each, number)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}"],
            preexec_fn=place,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    _session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._to, content) :]
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self._rest:
            more = os.read(self._from, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, url, *, width=1280, height=800, dark=False):
        """Open a page in a window of a size, in a light or dark world."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.resize(width, height)
        self.colour(dark)
        self.call("Page.navigate", url=url)

    def resize(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def colour(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def run(self, expression):
        """Return the value of an expression of the page, a promise's when it has come."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, expression, seconds=60):
        """Wait until an expression of the page holds."""
        end = time.monotonic() + seconds
        while not self.run(expression):
            assert time.monotonic() < end and not self.complaints(), f"{expression} never came: {self.complaints()}"
            time.sleep(0.05)

    def press(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "")

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self):
        """Return what is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def complaints(self):
        """Return what went wrong in the page so far, in words."""
        found = [each["params"] for each in self.events if each.get("method") == "Runtime.exceptionThrown"]
        said = [each["exceptionDetails"].get("exception", {}).get("description", "an error") for each in found]
        logged = [each["params"]["entry"] for each in self.events if each.get("method") == "Log.entryAdded"]
        return said + [each["text"] for each in logged if each["level"] == "error"]

    def requests(self):
        """Return the addresses that the page asked for."""
        asked = (each["params"] for each in self.events if each.get("method") == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in asked]
