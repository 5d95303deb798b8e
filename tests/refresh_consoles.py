"""Write again what docs and notebooks show of commands and code: python tests/refresh_consoles.py.

For a change that moves figures, such as how many frames the kernel uses; read the difference before it is committed.
"""

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import page_of_c
from consoles import PAGES, blocks, run_console, run_session
from notebooks import NOTEBOOKS, executed, written
from view import screens


def refreshed(page):
    """Return a page's text with what each of its consoles prints now."""

    def of_block(match):
        parts = []
        for part in re.split(r"^\$ ", match[1], flags=re.MULTILINE)[1:]:
            command = part.partition("\n")[0]
            with tempfile.TemporaryDirectory() as folder:
                parts.append(f"$ {command}\n{run_console(page, command, Path(folder))}")
        return "```console\n" + "".join(parts) + "```"

    def of_session(match):
        command, _, shown = match[2].removeprefix("$ ").partition("\n")
        return f"```{match[1]}\n$ {command}\n{run_session(command, shown)}```"

    text = re.sub(r"^```console\n(.*?)^```$", of_block, page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^```(pdb|gdb)\n(.*?)^```$", of_session, text, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    for page in PAGES:
        if any(blocks(page, kind) for kind in ("console", "pdb", "gdb")):
            text = refreshed(page)
            if text != page.read_text():
                page.write_text(text)
                print(f"{page.name}: changed")
    page_of_c.PAGE.write_text(page_of_c.page_now())
    screens.PAGE.write_text(screens.page_now())
    for notebook in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            notebook.write_text(written(executed(notebook, Path(folder))))
