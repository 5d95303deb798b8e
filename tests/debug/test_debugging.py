"""What no kernel in C gives: pdb stops in the kernel at a system call, coverage measures the kernel."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import keelback

SOURCE = Path(keelback.__file__).parent / "kernel" / "calls" / "system_calls.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SOURCE.parents[3])}


def first_line_of(function):
    """Return the line of a function's first statement after its docstring, without importing the kernel."""
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node.body[1].lineno
    raise AssertionError(function)


def test_pdb_stops_in_the_kernel_at_a_system_call():
    commands = [
        f"b keelback/kernel/calls/system_calls.py:{first_line_of('puts')}",
        "c",
        "p thread.pid, hex(thread.frame.vector), thread.frame.esi",
        "w",
        "clear 1",
        "c",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pdb", "-m", "keelback", "run", "hello"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    assert "(1, '0x80', 22)" in done.stdout
    assert "-> address = thread.frame.argument(0)" in done.stdout
    assert "traps.py" in done.stdout and "pc.py" in done.stdout
    assert "hello: I am process 1" in done.stdout


def test_leaving_pdb_in_the_kernel_is_no_panic():
    done = subprocess.run(
        [sys.executable, "-m", "pdb", "-m", "keelback", "run", "hello"],
        input=f"b keelback/kernel/calls/system_calls.py:{first_line_of('puts')}\nc\nq\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    assert "panic" not in done.stdout + done.stderr


def test_coverage_measures_the_kernel(tmp_path):
    data = ENVIRONMENT | {"COVERAGE_FILE": str(tmp_path / "data")}
    command = [sys.executable, "-m", "coverage"]
    run = [*command, "run", "--source=keelback.kernel", "-m", "keelback", "run", "hello"]
    subprocess.run(run, check=True, capture_output=True, timeout=60, env=data)
    report = [*command, "json", "-q", "-o", str(tmp_path / "report.json")]
    subprocess.run(report, check=True, capture_output=True, timeout=60, env=data)
    files = json.loads((tmp_path / "report.json").read_text())["files"]
    [executed] = [set(file["executed_lines"]) for name, file in files.items() if name.endswith("system_calls.py")]
    assert first_line_of("puts") in executed
    assert first_line_of("sleep") not in executed
