"""Write again what is made of `keelback/abi`: python tests/refresh_abi.py."""

import re
from pathlib import Path

from keelback.abi import printed
from keelback.user import RUNTIME

HEADER, STUBS = RUNTIME / "calls.h", RUNTIME.parent / "calls.py"
DOCS = Path(__file__).parents[1] / "docs" / "syscalls.md"
TABLES = {
    "| number | call |": printed.call_table,
    "| number | name |": printed.error_table,
    "| part | what": printed.part_table,
}


def made() -> dict[Path, str]:
    """Return what each file is to have."""
    docs = DOCS.read_text()
    for head, table in TABLES.items():
        docs = re.sub(rf"^{re.escape(head)}.*\n(?:\|.*\n)+", lambda _: table(), docs, flags=re.MULTILINE)  # noqa: B023
    return {HEADER: printed.header(), STUBS: printed.stubs(), DOCS: docs}


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text)
