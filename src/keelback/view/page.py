"""The web page: one file that carries the kernel image, the machine that boots it, and what draws its memory.

    index.html ┬ page.html, with style.css, and the modules of web/ as one script
               ├ facts: layouts of records, and the words of the map       JSON
               ┴ v86, its BIOS, the kernel image                           gzipped, in base64

One file needs no server: browsers load no module and no binary file beside a page that was opened from a disk.
The same contents make the same bytes.
"""

import base64
import gzip
import html
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from keelback.image.live_kernels import kernel_of
from keelback.kernel.layout import Layout
from keelback.view.colours import DARK, LIGHT, OKABE_ITO, Ground
from keelback.view.emulator import VERSION, Emulator
from keelback.view.record_layouts import layouts_of
from keelback.view.vocabulary import vocabulary

WEB = Path(__file__).parent / "web"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function\*?) (\w+))", re.MULTILINE)


@dataclass(frozen=True)
class PageContents:
    """What one page is of: a kernel image file of a layout, whose programs are named, and the machine for it."""

    layout: Layout
    image: bytes
    programs: str
    memory: int
    command_line: str = ""

    def facts(self) -> str:
        """Return what the scripts read, as JSON that no text of a page can be taken out of."""
        facts = {
            "layouts": layouts_of(kernel_of(self.layout)[0]),
            "words": vocabulary(),
            "themes": {"light": _theme(LIGHT, "#b3123f"), "dark": _theme(DARK, "#ff7ba3")},
            "memory": self.memory,
            "commandLine": self.command_line,
        }
        return json.dumps(facts, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")


def make_page(contents: PageContents, emulator: Emulator) -> str:
    """Return the page as HTML."""
    layout = contents.layout
    about = f"{layout.name}, {layout.paging.name}: a compiled kernel in your browser, and its memory, read live"
    files = {**emulator.files, "image": contents.image}
    return Template((WEB / "page.html").read_text()).substitute(
        title=html.escape(f"{contents.programs} · Keelback"),
        programs=html.escape(contents.programs),
        about=html.escape(about),
        style=_variables(LIGHT, DARK) + (WEB / "style.css").read_text(),
        notice=f"<pre>{html.escape(notice(emulator))}</pre>",
        facts=contents.facts(),
        files="\n".join(_carried(name, content) for name, content in files.items()),
        script=bundle(WEB / "start.js"),
    )


def _theme(ground: Ground, ring: str) -> dict[str, Any]:
    """Return the colours of a ground, with that of the ring around what is chosen."""
    return {**ground._asdict(), "fills": OKABE_ITO, "ring": ring}


def _variables(light: Ground, dark: Ground) -> str:
    """Return the grounds' colours as variables of a style sheet."""

    def variables(ground: Ground) -> str:
        return f":root {{ --paper: {ground.paper}; --ink: {ground.ink}; --quiet: {ground.quiet}; }}"

    return f"{variables(light)}\n@media (prefers-color-scheme: dark) {{ {variables(dark)} }}\n"


def notice(emulator: Emulator) -> str:
    """Return what the page carries of others, and under which licences."""
    return Template((WEB / "NOTICE.txt").read_text()).substitute(version=VERSION, licence=emulator.licence)


def _carried(name: str, content: bytes) -> str:
    packed = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    return f'<script type="text/plain" id="file-{name}">{packed}</script>'


@cache
def bundle(start: Path) -> str:
    """Return a module with all that it imports before it as one script: each is a function that returns its exports."""
    done: dict[str, str] = {}

    def add(path: Path) -> None:
        text = path.read_text()
        for _, name in _IMPORT.findall(text):
            if name not in done:
                add(path.with_name(f"{name}.js"))
        exports = ", ".join(_EXPORT.findall(text))
        body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = \2;", text))
        done[path.stem] = f"const {path.stem} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"

    add(start)
    return "\n".join(done.values())
