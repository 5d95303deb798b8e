"""Notebooks, executed as Jupyter does, without it: cells in order in one module, each with what it writes and comes to.

The format is that of https://nbformat.readthedocs.io, version 4.5.
"""

import ast
import io
import json
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def executed(notebook: Path, folder: Path) -> dict[str, Any]:
    """Return a notebook whose cells have just been executed in a folder, which they may write to."""
    book = json.loads(notebook.read_text())
    names = {"__name__": "__main__"}
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    with chdir(folder):
        for count, cell in enumerate(cells, 1):
            cell["execution_count"] = count
            cell["outputs"] = [*_outputs("".join(cell["source"]), names, count)]
    return book


def _outputs(source: str, names: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """Execute a cell, and yield what it writes, then what its last expression is."""
    tree = ast.parse(source)
    last = (
        ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else ast.parse("None", mode="eval")
    )
    with redirect_stdout(io.StringIO()) as said:
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(last, "<cell>", "eval"), names)
    if said.getvalue():
        yield {"name": "stdout", "output_type": "stream", "text": _lines(said.getvalue())}
    if value is not None:
        shown = {"text/html": html} if (html := getattr(value, "_repr_html_", lambda: None)()) else {}
        data = {kind: _lines(text) for kind, text in {**shown, "text/plain": repr(value)}.items()}
        yield {"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def written(book: dict[str, Any]) -> str:
    """Return a notebook as Jupyter writes it into a file."""
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"
