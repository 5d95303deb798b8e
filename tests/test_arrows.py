"""Who may import whom: the arrows of docs/architecture.md."""

import ast
from pathlib import Path

import keelback

ROOT = Path(keelback.__file__).parent
ALLOWED = {
    "lang": set(),
    "kernel": {"lang"},
    "user": {"lang"},
    "compiler": {"errors", "lang"},
    "image": {"compiler", "errors", "lang"},
    "machine": {"errors", "image", "kernel", "lang", "__version__"},
    "inspect": {"kernel", "lang"},
    "cli": {"compiler", "errors", "image", "inspect", "kernel", "lang", "machine", "user", "__version__"},
}


def imported_parts(path: Path) -> set[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "keelback" and len(part) > 1}


def test_every_part_imports_only_what_it_may():
    for part, allowed in ALLOWED.items():
        for path in (ROOT / part).rglob("*.py"):
            wrong = imported_parts(path) - allowed - {part}
            assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_every_folder_is_a_known_part():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(ALLOWED)


def test_the_kernel_imports_nothing_but_the_language_and_types():
    known = {"collections.abc", "dataclasses", "enum", "keelback"}
    for path in (ROOT / "kernel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if isinstance(node, ast.Import):
                module = node.names[0].name
            assert module is None or module in known or module.split(".")[0] in known, f"{path.name}: {module}"
