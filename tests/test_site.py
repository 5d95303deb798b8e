"""The site of docs/: `make docs` builds it, its links lead somewhere, it loads nothing from elsewhere, and it plays."""

import os
import re
import subprocess
import sys
from urllib.parse import unquote, urldefrag

import pytest

from browser import Browser
from consoles import ROOT

LOADED = re.compile(r'<(?:script|link|img|iframe|object|source)\b[^>]*?\b(?:src|href|data)="?([^"\s>]+)')
LINK = re.compile(r'\b(?:href|src)="([^"]*)"')
NAMED = re.compile(r'\b(?:id|name)="([^"]*)"')


@pytest.fixture(scope="module", params=[{"KEELBACK_REFERENCE": "abi"}, pytest.param({}, marks=pytest.mark.campaign)])
def site(request, tmp_path_factory):
    """Build the site as `make docs` does, in a folder of its own; of modules few that no page links to, or all."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-f", ROOT / "site" / "mkdocs.yml", "-d", folder],
        text=True,
        capture_output=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **request.param},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_every_link_of_the_site_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    texts = {path: path.read_text() for path in site.rglob("*.html") if path.name != "404.html"}
    named = {path: {*NAMED.findall(text), ""} for path, text in texts.items()}
    wrong = []
    for path, text in texts.items():
        wrong += [f"{path.name} loads {each}" for each in LOADED.findall(text) if re.match(r"(?!data:)\w+:|//", each)]
        for link in {each for each in LINK.findall(text) if not re.match(r"\w+:|//", each)}:
            target, fragment = urldefrag(link)
            to = (path.parent / unquote(target)).resolve() if target else path
            if not to.is_file() or unquote(fragment) not in named.get(to, {""}):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert wrong == []
    assert len(texts) > 60
    assert 'src="machine/index.html"' in texts[site / "web.html"], "the kernel boots in the page that tells of it"


@pytest.mark.campaign
def test_the_site_is_read_and_searched_from_a_disk(site, tmp_path):
    with Browser(tmp_path) as browser:
        for page in ("index.html", "memory-layout.html", "reference/kernel/memory/frames.html"):
            for width in (1280, 400):
                browser.open(f"file://{site / page}", width=width, height=900)
                browser.wait_for("document.readyState === 'complete' && document.querySelector('h1') !== null")
                assert browser.run("document.documentElement.scrollWidth") == width
                assert {url.partition(":")[0] for url in browser.requests()} <= {"file", "data"}
        browser.open(f"file://{site / 'tutorial' / '3-fork.html'}")
        browser.wait_for("document.querySelector('.film output') !== null")
        back, forward = (f"document.querySelectorAll('.film button')[{each}].click();" for each in (1, 2))
        moment = "document.querySelector('.film output').textContent"
        first = browser.run(f"{forward} {moment}")
        assert first.endswith(" of 21") and browser.run(f"{forward} {moment}") != first
        assert browser.run(f"{back} {moment}") == first
        browser.open(f"file://{site / 'index.html'}?q=demand")
        browser.wait_for("document.querySelector('.md-search-result__link') !== null")
        assert browser.complaints() == []
