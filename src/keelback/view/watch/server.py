"""The live view for browsers on this machine: a page of textual-serve, with its own look, and nobody else's pages."""

import logging
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources

from aiohttp import web
from textual_serve.server import Server

LOOPBACK = "127.0.0.1"
MOST_PAGES = 8
"""So many runs may be watched at once; each is a process."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ViewServer(Server):
    """Serves a run of a command to each page that is opened, until control-C; `words` are those behind `keelback`.

    A page of another site, or one that reaches this machine by another name, gets nothing: its script could read the
    screen and press keys.
    """

    def __init__(self, words: Sequence[str], port: int) -> None:
        # With `exec` the run is this process's own child, and so can end with it.
        command = "exec " + shlex.join([sys.executable, "-m", "keelback", *words])
        page = str(resources.files("keelback.view.watch") / "page")  # the library's own fetches a font from elsewhere
        title = f"keelback {shlex.join(words)}"
        super().__init__(command, host=LOOPBACK, port=port, title=title, templates_path=page)
        self._pages = 0

    def initialize_logging(self) -> None:
        """Log nothing but what goes wrong."""
        logging.basicConfig(level="ERROR", format="keelback: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """Say where the page is."""
        print(f"{self.public_url} has the live view, for browsers on this machine; control-C ends it", flush=True)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._ours_alone)
        return app

    @web.middleware
    async def _ours_alone(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse who comes from elsewhere, and who is one too many."""
        host = f"{self.host}:{self.port}"
        if request.headers.get("Host") != host or request.headers.get("Origin", self.public_url) != self.public_url:
            raise web.HTTPForbidden(text=f"this page is at {self.public_url} alone\n")
        if request.path != "/ws":
            return await handler(request)
        if self._pages >= MOST_PAGES:
            raise web.HTTPServiceUnavailable(text=f"{MOST_PAGES} pages are open: close one\n")
        self._pages += 1
        try:
            return await handler(request)
        finally:
            self._pages -= 1
