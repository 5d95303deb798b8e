"""The description of calls, errors and records: all that is made of it is as it says."""

import ast
import inspect
import re
import textwrap
from itertools import chain

import pytest

from keelback.abi import records
from keelback.abi.calls import CALLS, REGISTERS
from keelback.abi.handles import WITH_RECORD
from keelback.abi.link_page import LinkPage
from keelback.abi.parts import Part
from keelback.abi.printed import errors
from keelback.image.programs import build_program
from keelback.kernel.calls.library_calls import LibraryCalls
from keelback.kernel.calls.line_calls import LineCalls
from keelback.kernel.calls.malloc_calls import MallocCalls
from keelback.kernel.calls.mapping_calls import MappingCalls
from keelback.kernel.calls.message_calls import MessageCalls
from keelback.kernel.calls.object_calls import ObjectCalls
from keelback.kernel.calls.process_calls import ProcessCalls
from keelback.kernel.calls.starting_calls import StartingCalls
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.calls.thread_calls import ThreadCalls
from keelback.kernel.calls.waiting_calls import WaitingCalls
from keelback.kernel.processes.processes import Ending
from keelback.lang import layout_of
from keelback.user import RUNTIME
from keelback.user.calls import Calls
from keelback.user.in_cpython import PythonKernel
from refresh_abi import made

OF_PARTS = {
    Part.MAPPING: (MappingCalls,),
    Part.MALLOC: (MallocCalls,),
    Part.LIBRARIES: (LibraryCalls,),
    Part.STARTING: (StartingCalls,),
    Part.WAITING: (WaitingCalls,),
    Part.THREADS: (ThreadCalls,),
    Part.MESSAGES: (MessageCalls, LineCalls, ProcessCalls, ObjectCalls),
}
SERVERS = (SystemCalls, *chain(*OF_PARTS.values()))


def test_what_is_made_of_it_is_as_it_says():
    """Else type: python tests/refresh_abi.py."""
    for path, text in made().items():
        assert path.read_text() == text, f"{path.name} is old: python tests/refresh_abi.py"


def test_calls_are_numbered_in_order_and_errors_too():
    numbers = [call.number for call in CALLS]
    assert numbers == sorted({*numbers}) and numbers[0] == 1
    assert [error.number for error in errors()] == sorted({error.number for error in errors()}, reverse=True)
    assert len({call.name for call in CALLS}) == len(CALLS)


@pytest.mark.parametrize("part", Part)
def test_a_parts_calls_are_those_that_its_modules_serve(part):
    served = {name for each in OF_PARTS[part] for name in vars(each) if name[0] != "_"}
    assert served == {call.python for call in CALLS if call.part is part}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_asks_for_the_arguments_that_it_has(call):
    """Read from the method's source: the highest argument that it, or what it passes its thread to, takes."""
    assert len(call.arguments) <= len(REGISTERS)
    server = next(each for each in SERVERS if call.python in vars(each))
    source = inspect.getsource(getattr(server, call.python))
    source += "".join(
        inspect.getsource(getattr(server, name)) for name in re.findall(r"self\.(_read\w+)\(thread\)", source)
    )
    taken = {int(number) for number in re.findall(r"argument\((\d)\)", source)}
    if re.search(r"self\.\w+\.\w+\(thread[,)]", source):  # another part reads them
        assert taken <= {*range(len(call.arguments))}
    else:
        assert taken == {*range(len(call.arguments))}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_stub_takes_the_arguments_by_name_in_order(call):
    [stub] = ast.parse(textwrap.dedent(inspect.getsource(getattr(Calls, "_" * call.leaves + call.python)))).body
    arguments = [*call.arguments]
    if call.carries:
        arguments = [*(["handle", "reply"] if arguments[0] == "handles" else arguments[:1]), "words"]
    assert [each.arg for each in stub.args.args] == ["self", *arguments]


def test_the_kernel_for_unit_tests_has_no_call_that_there_is_not():
    names = {name for name, each in vars(PythonKernel).items() if inspect.isfunction(each) and name[0] != "_"}
    assert names - {"serve"} <= {call.python for call in CALLS}
    assert PythonKernel().serve("fly") == 0xFFFF_FFFF


def test_the_stubs_mark_a_record_as_the_kernel_has_it():
    assert f"KEELBACK_WITH_RECORD {WITH_RECORD:#x}u " in (RUNTIME / "trap.h").read_text()


def test_the_kernels_endings_are_those_of_the_record():
    assert (records.EXITED, records.FAULTED, records.KILLED) == (Ending.EXITED, Ending.FAULTED, Ending.KILLED)


def test_c_lays_the_records_out_alike(tmp_path):
    """The compiler itself refuses this program where they differ."""
    lines = []
    for record in (*records.RECORDS, LinkPage):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()
        layout = layout_of(record)
        lines += [
            f'_Static_assert(__builtin_offsetof(struct {name}, {field.name}) == {field.offset}, "{field.name}");'
            for field in layout.fields
        ]
        if record is not LinkPage:
            lines.append(f'_Static_assert(sizeof(struct {name}) == {layout.size}, "{name}");')
    source = tmp_path / "laid.c"
    source.write_text('#include "library.h"\n' + "\n".join(lines) + "\nint main(void) { return 0; }\n")
    assert build_program(source, runtime=RUNTIME, image_base=0x800_0000)
