"""The site of docs/ as it stands: what pages link to outside docs/ becomes pages too, modules with docstrings."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from tempfile import TemporaryDirectory

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
PICTURE = re.compile(r'<p><img alt="([^"]*)" src="([^"]*)" /></p>')
MACHINE = {"web.png": "machine/index.html"}
"""The picture that the page which boots the kernel stands in for, where it can be made."""

LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".S": "gas", ".toml": "toml"}


def place_of(uri):
    """Return where in the repository a page's text is."""
    return "README.md" if uri == "index.md" else f"docs/{uri}"


def uri_of(place):
    """Return where in the site a file of the repository is."""
    if place == "README.md":
        return "index.md"
    if place.startswith("docs/"):
        return place.removeprefix("docs/")
    if is_module(place):
        return place.replace("src/keelback", "reference").removesuffix(".py") + ".md"
    return f"source/{place}.md"


def is_module(place):
    """Return whether a file has a page of the reference: programs have pages as sources."""
    return place.startswith("src/keelback/") and place.endswith(".py") and "/user/" not in place


def linked(uri, text):
    """Yield the place in the repository that each link of a page leads to."""
    for target in LINK.findall(text):
        yield normpath(join(dirname(place_of(uri)), target))


def on_files(files, config):
    """Add the first page, pages of what is linked and of modules, and the site's own files."""

    def add(uri, **content):
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, **content))

    add("index.md", content=(ROOT / "README.md").read_text())
    for name in ("site.css", "film.js", "iframe-worker.js"):
        add(name, abs_src_path=str(ROOT / "site" / name))
    for name, content in machine():
        add(f"machine/{name}", content=content)
    modules = [str(path.relative_to(ROOT)) for path in modules_of_parts(config.extra["reference"].split())]
    add("reference/index.md", content=contents(modules))
    texts = [(page.src_uri, page.content_string) for page in files.documentation_pages()]
    for place in [*modules, *(place for uri, text in texts for place in linked(uri, text))]:
        if not place.startswith("docs/") and (ROOT / place).is_file():
            add(uri_of(place), content=page_of(place))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lead each link to where its target is in the site; those of generated pages are right already."""
    if page.file.generated_by and page.file.src_uri != "index.md":
        return markdown
    uri = page.file.src_uri

    def led(match):
        target = normpath(join(dirname(place_of(uri)), match[1]))
        return relpath(uri_of(target), dirname(uri) or ".")

    return LINK.sub(led, markdown)


def on_page_content(html, page, config, files):
    """Let a recorded run play, and the kernel boot, where a page on a code host has a picture."""

    def shown(match):
        said, target = match.groups()
        uri = normpath(join(dirname(page.file.src_uri), target))
        booted = MACHINE.get(uri, "")
        if files.get_file_from_path(booted) is not None:
            return (
                f'<iframe class="machine" src="{booted}" title="{said}" loading="lazy"></iframe>'
                f'<p><a href="{booted}">The machine in a page of its own</a></p>'
            )
        text = (ROOT / place_of(uri)).read_text() if uri.endswith(".svg") else ""
        if "@keyframes" not in text:
            return match[0]
        # In a tree of its own: the picture's style is not the page's.
        return (
            f'<figure class="film" aria-label="{said}"><div><template shadowrootmode="open">'
            f"<style>svg {{ width: 100%; height: auto }}</style>{text}</template></div></figure>"
        )

    return PICTURE.sub(shown, html)


def machine():
    """Return the files of the page that boots the kernel; none without its emulator, and a line says so."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "keelback", "web", folder, "hello", "cow"], capture_output=True, text=True
        )
        if done.returncode != 0:
            print(f"the site has no page that boots the kernel: {done.stderr.strip()}", file=sys.stderr)
            return []
        return [(path.name, path.read_bytes()) for path in sorted(Path(folder).iterdir())]


def modules_of_parts(parts):
    """Yield the modules that the reference lists, part by part; others that pages link to have a page, too."""
    for part in parts:
        path = ROOT / "src" / "keelback" / part
        yield from (
            [path] if path.is_file() else (each for each in sorted(path.rglob("*.py")) if each.name != "__init__.py")
        )


def page_of(place):
    """Return the page of a file outside docs/: a notebook as it was run, a module's docstrings before its source."""
    path = ROOT / place
    if path.suffix == ".ipynb":
        return notebook(path)
    text = path.read_text()
    fence = "`" * 4
    source = f'{fence}{LANGUAGES.get(path.suffix, "text")} linenums="1"\n{text}{fence}\n'
    hidden = "---\nsearch: {exclude: true}\n---\n"  # names and taglines are found by the list
    if not is_module(place):
        return f"{hidden}# `{path.name}`\n\n`{place}`\n\n{source}"
    name = place.removeprefix("src/").removesuffix(".py").replace("/", ".")
    listed = relpath("reference/index.md", dirname(uri_of(place)))
    ways = f"[Its source](#source) · [all modules]({listed})"
    return f"{hidden}# `{name}`\n\n{ways}\n\n::: {name}\n\n## Source\n\n{source}"


def notebook(path):
    """Return a notebook as Markdown, with what its cells have shown."""
    parts = []
    for cell in json.loads(path.read_text())["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            shown = "".join(data.get("text/html", ()))
            said = "".join(data.get("text/plain", output.get("text", ())))
            parts.append(f'<div class="shown">{shown}</div>' if shown else f"```text\n{said}\n```")
    return "\n\n".join(parts)


def contents(modules):
    """Return the first page of the reference: each module with the first line of its docstring."""
    lines = [
        "# Reference",
        "",
        "The modules of the kernel and of what looks at it, each with its docstrings and its source.",
    ]
    part = None
    for place in modules:
        path = place.removeprefix("src/keelback/")
        if dirname(path) != part:
            part = dirname(path)
            lines += ["", f"## `{part or 'keelback'}/`", "", "| module | what it is |", "|---|---|"]
        tagline = (ast.get_docstring(ast.parse((ROOT / place).read_text())) or "").partition("\n")[0]
        lines.append(f"| [`{Path(path).stem}`]({relpath(uri_of(place), 'reference')}) | {tagline} |")
    return "\n".join(lines) + "\n"
