"""Synthetic submissions of a lab, and what must be found: right ones, mistakes, hangs, crashes, hostile ones."""

import ast
from typing import NamedTuple

from keelback.labs.skeleton import skeleton, solution
from keelback.labs.submitted import MOST_BYTES
from labs.mistakes import MISTAKES

HOSTILE = {
    "exit": "import os\nos._exit(0)\n",
    "modules": "import sys\nsys.modules.clear()\n",
    "from": "from os import fork\nwhile fork() >= 0: pass\n",
    "open": "def f() -> None:\n    open('/etc/passwd')\n",
    "builtins": "def f() -> None:\n    __builtins__\n",
    "class": "def f() -> None:\n    (1).__class__.__base__.__subclasses__()\n",
    "format": "def f() -> None:\n    '{0.__class__}'.format(1)\n",
    "frame": "def f() -> None:\n    f.gi_frame.f_globals\n",
    "power": "X = 9 ** 9 ** 9\n",
    "deep": "X = " + "(" * 5000 + ")" * 5000 + "\n",
    "large": "#" * (MOST_BYTES + 1),
    "null": "\0",
    "decorator": "@print\ndef f() -> None:\n    pass\n",
    "default": "def f(a=print(1)) -> None:\n    pass\n",
    "default type": "def f(a: print(1)) -> None:\n    pass\n",
}
"""Texts that would do something when they are read."""


class Synthetic(NamedTuple):
    """A submission, and what is to be found: `points` all or less, a `kind` of reason, a text in what is told."""

    text: str
    has_all: bool = False
    kind: str = ""
    said: str = ""


def submissions_of(lab):
    """Return submissions by name."""
    right = solution(lab)
    found = {
        "right": Synthetic(right, has_all=True),
        "right with comments": Synthetic(f"# By hand.\n{right}\n\nLIMIT = 3 * 4\n", has_all=True),
        "nothing written": Synthetic(skeleton(lab), kind="panic", said="is not written yet"),
        "hang": Synthetic(_with(right, "while True:\n            pass"), kind="hang"),
        "crash": Synthetic(_with(right, 'assert 1 + 1 == 3, "boom"'), kind="panic", said="boom"),
        "no Kernel Python": Synthetic(_with(right, "[1]"), kind="refused"),
        "no Python": Synthetic(right + "\n)\n", kind="refused", said="unmatched"),
    }
    for (name, mistake), (good, wrong, said) in MISTAKES.items():
        if name == lab.name:
            assert good in right, f"{mistake}: the kernel's own bodies have changed"
            found[mistake] = Synthetic(right.replace(good, wrong), said=said)
    return found


def hostile():
    """Return submissions of any lab that attack who reads them."""
    return {f"hostile {name}": Synthetic(text, kind="refused") for name, text in HOSTILE.items()}


def _with(text, statement):
    """Return a text whose first method begins with a statement."""
    method = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    has_docstring = isinstance(method.body[0], ast.Expr) and isinstance(method.body[0].value, ast.Constant)
    at = method.body[1 if has_docstring else 0].lineno - 1
    lines = text.splitlines()
    return "\n".join([*lines[:at], f"        {statement}", *lines[at:]]) + "\n"


def complaint(synthetic, facts):
    """Return what is wrong with the result of a synthetic submission, "" where nothing is."""
    told = str([facts["refused"], facts["details"], [each["reason"] for each in facts["verdicts"]]])
    kinds = {each["reason"]["kind"] for each in facts["verdicts"] if each["reason"]} | {
        "refused" for _ in [0] if facts["refused"]
    }
    if synthetic.has_all != (facts["points"] == facts["most"]):
        return f"it has {facts['points']} of {facts['most']} points"
    if synthetic.kind and synthetic.kind not in kinds:
        return f"{synthetic.kind} is not among what was found: {', '.join(sorted(kinds))}"
    return "" if plain(synthetic.said) in plain(told) else f"{synthetic.said!r} is not told"


def plain(text):
    """Return a text without what the forms of a reason add."""
    for word in ("right  ", "yours  ", "rule   "):
        text = text.removeprefix(word)
    return text.replace("\\'", "'")
