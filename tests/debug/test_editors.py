"""`.vscode`: both ways to debug, as the editor's own debug adapters go them, and the gdb that an editor talks to."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from consoles import ROOT

ADAPTER = "cdt-gdb-adapter@1.7.0"
"""What the extension that launch.json's `gdbtarget` is of has inside, as npm has it."""
SOURCE = ROOT / "src" / "keelback" / "kernel" / "calls" / "system_calls.py"
LINE = SOURCE.read_text().splitlines().index("        count = thread.frame.argument(1)") + 1


def configurations():
    """Return what launch.json has, for this folder, by name."""
    text = (ROOT / ".vscode" / "launch.json").read_text().replace("${workspaceFolder}", str(ROOT))
    return {each["name"]: each for each in json.loads(text)["configurations"]}


class Adapter:
    """A debug adapter, spoken to as an editor does."""

    def __init__(self, *command):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self._number = 0
        self._events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def send(self, request, /, **arguments):
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": request, "arguments": arguments}
        data = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def _read(self):
        length = 0
        while line := self._process.stdout.readline().strip():
            length = int(line.removeprefix(b"Content-Length:"))
        assert length, "the adapter has ended"
        message = json.loads(self._process.stdout.read(length))
        if message["type"] == "event":
            self._events.append(message)
        return message

    def ask(self, request, /, **arguments):
        self.send(request, **arguments)
        while (answer := self._read()).get("request_seq") != self._number:
            pass
        assert answer["success"], answer
        return answer.get("body")

    def wait_for(self, event):
        while not (found := [each for each in self._events if each["event"] == event]):
            self._read()
        self._events.remove(found[0])
        return found[0].get("body")

    def printed(self):
        return "".join(each["body"]["output"] for each in self._events if each["event"] == "output")


def stop_in_puts(adapter, configuration, expression, context):
    """Stop in the kernel at the first `puts` and evaluate there, then run to the end; return functions and value."""
    adapter.ask("initialize", adapterID=configuration["type"], linesStartAt1=True, pathFormat="path")
    adapter.send(configuration["request"], **configuration)
    adapter.wait_for("initialized")
    adapter.ask("setBreakpoints", source={"path": str(SOURCE)}, breakpoints=[{"line": LINE}])
    adapter.ask("configurationDone")
    thread = adapter.wait_for("stopped")["threadId"]
    frames = adapter.ask("stackTrace", threadId=thread, levels=20)["stackFrames"]
    assert (frames[0]["source"]["path"], frames[0]["line"]) == (str(SOURCE), LINE)
    value = adapter.ask("evaluate", expression=expression, frameId=frames[0]["id"], context=context)["result"]
    adapter.ask("setBreakpoints", source={"path": str(SOURCE)}, breakpoints=[])
    adapter.ask("next", threadId=thread)
    adapter.wait_for("stopped")
    adapter.ask("continue", threadId=thread)
    adapter.wait_for("terminated")
    return [each["name"] for each in frames], value


@pytest.mark.campaign
def test_the_kernel_in_python_is_debugged_in_the_editor():
    configuration = configurations()["Kernel in Python"]
    with Adapter(sys.executable, "-m", "debugpy.adapter") as adapter:
        names, value = stop_in_puts(adapter, configuration, "thread.pid, hex(thread.frame.vector)", "watch")
    assert names[:4] == ["puts", "serve", "trap", "trap"] and value == "(1, '0x80')"
    assert "hello: I am process 1\n" in adapter.printed()


@pytest.mark.campaign
def test_the_compiled_kernel_is_debugged_in_the_editor(tmp_path):
    assert shutil.which("npm"), "the editor's debug adapter for gdb comes by npm: apt-get install -y npm"
    subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "--prefix", tmp_path, ADAPTER], check=True)
    program = tmp_path / "node_modules" / "cdt-gdb-adapter" / "dist" / "debugTargetAdapter.js"
    with Adapter("node", program) as adapter:
        configuration = configurations()["Compiled kernel on QEMU"]
        names, _ = stop_in_puts(adapter, configuration, "> print processes[1].name", "repl")
    assert names[:4] == ["calls_puts", "calls_serve", "traps_trap", "kernel_trap"]
    assert "'hello'\n" in adapter.printed()
    assert "hello: I am process 1\n" in adapter.printed()


def test_an_editors_gdb_stops_at_a_line_of_python_and_ends_with_the_machine():
    gdb = [ROOT / ".vscode" / "gdb", "--interpreter=mi2", "hello"]
    with subprocess.Popen(gdb, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as process:
        said = []

        def tell(command, answer):
            """Tell gdb something; return the line of its answer that begins as is said."""
            process.stdin.write(f"{command}\n")
            process.stdin.flush()
            for line in iter(process.stdout.readline, ""):
                if line.startswith(answer):
                    return line
                said.append(line)
            raise AssertionError("".join(said))

        tell("-gdb-set mi-async on", "^done")  # it is refused once there is a machine
        tell('-interpreter-exec console "start"', '~"The kernel stands before its first instruction.')
        tell(f"-break-insert --source {SOURCE} --line {LINE}", "^done")
        stopped = tell("-exec-continue", '*stopped,reason="breakpoint-hit"')
        assert f'line="{LINE}"' in stopped
        assert any(re.match(r'@"keelback: microkernel layout, \d+ KiB free\\012"$', line) for line in said)
        tell("-break-delete 1", "^done")
        tell("-exec-continue", '@"hello: I am process 1\\012"')
        process.stdout.read()
    assert process.returncode == 0


def test_an_editor_may_end_the_session_before_the_machine_ends():
    lines = ["-gdb-set mi-async on", '-interpreter-exec console "start"', "-gdb-exit"]
    gdb = [ROOT / ".vscode" / "gdb", "--interpreter=mi2", "hello"]
    done = subprocess.run(gdb, input="".join(f"{line}\n" for line in lines), text=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and "^exit" in done.stdout and "atal" not in done.stdout
