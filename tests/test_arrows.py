"""Who may import whom: the arrows of docs/architecture.md."""

import ast
import re
from pathlib import Path

import keelback

ROOT = Path(keelback.__file__).parent
ALLOWED = {
    "lang": set(),
    "abi": {"lang"},
    "kernel": {"abi", "lang"},
    "user": {"abi", "lang"},
    "compiler": {"errors", "lang", "near"},
    "image": {"abi", "compiler", "errors", "inspect", "kernel", "lang", "__version__"},
    "inspect": {"abi", "errors", "kernel", "lang"},
    "machine": {"abi", "errors", "image", "inspect", "kernel", "lang", "__version__"},
    "debug": {"errors", "image", "inspect", "kernel", "lang"},
    "view": {"abi", "errors", "image", "inspect", "kernel", "lang", "machine"},
    "labs": {"compiler", "errors", "image", "inspect", "kernel", "lang", "machine", "near", "user", "view"},
    "fuzz": {"abi", "errors", "inspect", "kernel", "lang", "machine"},
    "cli": {
        *(
            "abi",
            "compiler",
            "debug",
            "errors",
            "fuzz",
            "image",
            "inspect",
            "kernel",
            "labs",
            "lang",
            "machine",
            "near",
            "user",
            "view",
        ),
        "__version__",
    },
}

FLOORS = ("x86", "devices", "memory", "boot", "loading", "processes", "messages", "calls")
"""The kernel's folders: each imports only those before it, besides `layout`."""


def imported_names(path: Path) -> list[list[str]]:
    """Return what a module imports, each name in its parts."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name.split(".") for name in names]


def imported_parts(path: Path) -> set[str]:
    return {part[1] for part in imported_names(path) if part[0] == "keelback" and len(part) > 1}


def test_every_part_imports_only_what_it_may():
    for part, allowed in ALLOWED.items():
        for path in (ROOT / part).rglob("*.py"):
            wrong = imported_parts(path) - allowed - {part}
            assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_the_table_in_the_docs_is_this_one():
    """What stands beside the parts, such as errors, is everybody's; the command line may import all."""
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", page.partition("## Static objects")[0], re.MULTILINE)
    table = {part: set(re.findall(r"`(\w+)`", said)) for part, said in rows}
    assert dict(rows)["cli"] == "all" and dict(rows)["lang"] == "nothing of ours"
    beside = {"errors", "near", "__version__"}
    assert table | {"cli": ALLOWED["cli"] - beside} == {part: allowed - beside for part, allowed in ALLOWED.items()}


def test_every_folder_is_a_known_part():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(ALLOWED)


def test_no_arrow_inside_the_kernel_runs_back_up():
    for floor, name in enumerate(FLOORS):
        may = {*FLOORS[: floor + 1], "layout"}
        for path in (ROOT / "kernel" / name).rglob("*.py"):
            used = {part[2] for part in imported_names(path) if part[:2] == ["keelback", "kernel"]}
            assert used <= may, f"{path.relative_to(ROOT)} imports {', '.join(sorted(used - may))}"
    assert {path.name for path in (ROOT / "kernel").iterdir() if path.is_dir()} - {"__pycache__"} == set(FLOORS)


def test_the_table_of_the_kernels_parts_has_every_source():
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text()
    table = page.partition("## What the parts of the kernel do")[2].partition("\n## ")[0]
    said, folder = set(), ""
    for first, names in re.findall(r"^\| (?:`(\w+)/`)? ?\| (.*?) \|", table, re.MULTILINE):
        folder = first or folder
        said |= {f"{folder}/{name}" for name in re.findall(r"`([\w.]+)`", names)}
    sources = {
        path.relative_to(ROOT / "kernel") for path in (ROOT / "kernel").rglob("*") if path.suffix in (".py", ".S")
    }
    assert said == {
        f"{'' if len(path.parts) == 1 else path.parts[0]}/{path.stem if path.suffix == '.py' else path.name}"
        for path in sources
        if path.name != "__init__.py"
    }


def test_no_two_sources_of_the_kernel_have_one_name():
    """A panic, gdb and an interrupted run tell a source by its name alone."""
    names = [path.name for path in (ROOT / "kernel").rglob("*.py") if path.name != "__init__.py"]
    assert len(names) == len(set(names))


def test_the_kernel_imports_nothing_but_the_language_and_types():
    known = {"collections.abc", "dataclasses", "enum", "keelback"}
    for path in (ROOT / "kernel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if isinstance(node, ast.Import):
                module = node.names[0].name
            assert module is None or module in known or module.split(".")[0] in known, f"{path.name}: {module}"
