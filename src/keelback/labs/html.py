"""A result as a web page that needs no other: points, reasons, and both memories, the differing cells ringed."""

from base64 import b64encode
from collections.abc import Iterator
from html import escape
from string import Template

from keelback.labs.lab import Lab
from keelback.labs.result import Reason, Result, Verdict

PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title: $points of $most points</title>
<style>
:root { color-scheme: light dark; --quiet: light-dark(#555, #aaa); --line: light-dark(#ccc, #444); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1280px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; }
section { border-top: 1px solid var(--line); padding: 0.5em 0; }
h2 { font-size: 1em; font-weight: 600; margin: 0.5em 0; }
h2 b { display: inline-block; min-width: 4em; font-variant-numeric: tabular-nums; }
.full b { color: light-dark(#176b2c, #7fd18c); }
.less b { color: light-dark(#a3171f, #ff9a94); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2em 1em; margin: 0.5em 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 0.875em/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; white-space: pre-wrap; }
figure { margin: 1em 0; overflow-x: auto; }
img { display: block; width: 100%; min-width: 640px; }
</style>
<h1>$title: $points of $most points</h1>
$body
</html>
""")


def html_of(lab: Lab, result: Result) -> str:
    """Return a result as a page of HTML."""
    parts = [*_refusal(result)] if result.refused else []
    parts += [part for each in result.verdicts for part in _section(each)]
    return PAGE.substitute(
        title=escape(f"Lab {lab.number}, {lab.title}"), points=result.points, most=result.most, body="\n".join(parts)
    )


def _refusal(result: Result) -> Iterator[str]:
    yield f"<p><code>{escape(result.place)}</code>: {escape(result.refused)}</p>"
    if result.details:
        yield f"<pre>{escape(result.details)}</pre>"


def _section(verdict: Verdict) -> Iterator[str]:
    kind = "full" if verdict.points == verdict.most else "less"
    yield f'<section class="{kind}">'
    yield f"<h2><b>{verdict.points}/{verdict.most}</b> {escape(verdict.says)}</h2>"
    if verdict.reason is not None:
        yield from _reason(verdict.reason)
    yield "</section>"


def _reason(reason: Reason) -> Iterator[str]:
    yield f"<p>{escape(reason.event or 'all of it')}</p>\n<dl>"
    for term, value in (("trial", reason.trial), *reason.named()):
        yield f"<dt>{term}</dt><dd>{escape(value)}</dd>"
    for each in reason.said:
        yield f"<dt></dt><dd>{escape(each)}</dd>"
    for term, value in (("lines", ", ".join(reason.lines)), ("show", reason.command)):
        if value:
            yield f"<dt>{term}</dt><dd><code>{escape(value)}</code></dd>"
    yield "</dl>"
    if reason.picture:
        data = b64encode(reason.picture.encode()).decode()
        drawn = "both memories, as it should be and as it is; what differs is ringed"
        yield f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{drawn}"></figure>'
