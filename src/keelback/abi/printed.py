"""What is made of the description: the header's part, the stubs in Kernel Python, the tables of docs/syscalls.md."""

import inspect
import re
from collections.abc import Iterable, Iterator

from keelback.abi import handles, records
from keelback.abi.calls import CALLS, COUNT, HANDLE, NUMBER, REGISTERS, Call, Form
from keelback.abi.calls import HANDLE_RIGHTS as HANDLE_RIGHTS_FORM
from keelback.abi.calls import RIGHTS as RIGHTS_FORM
from keelback.abi.handles import REPLY_SHIFT
from keelback.abi.parts import SENTENCES
from keelback.abi.rights import RIGHTS
from keelback.lang import KernelError, Struct

ENDINGS, STATES = ("EXITED", "FAULTED", "KILLED"), ("IS_READY", "IS_ASLEEP", "IS_WAITING", "HAS_ENDED")
FIELD = r"^    (\w+): (?:Array\[)?(\w+)\]?(?: = inline\((\w+)\))?(?:  # (.*))?$"
LIMITS = ("NAMES", "MOST_HANDLES", "MOST_DATA", "MOST_PAGES", "NOTIFIED", "UNHEARD", "FOR_EVER")
POINTERS = {"data": "const void *", "buffer": "void *", "pages": "void *", "place": "void *"}
"""The fields of records that are addresses, as C has them."""
MADE = "Made of keelback/abi by tests/refresh_abi.py; a test holds it to that"
C_TYPES = {"u8": "char", "u32": "uint32_t", "i32": "int32_t", "u64": "uint64_t", "word": "uintptr_t"}


def error_name(error: type[KernelError]) -> str:
    """Return an error's name in capitals."""
    return _words(error.__name__).upper()


def errors() -> list[type[KernelError]]:
    """Return all errors, from -1 down."""
    return [
        error
        for _, error in sorted(KernelError.known.items(), reverse=True)
        if error.__module__ == "keelback.abi.errors"
    ]


# C.


def header() -> str:
    """Return the text of `calls.h`."""
    calls = (
        (f"CALL_{call.name.upper()}", call.number, f"({', '.join(call.arguments)}) -> {call.result}") for call in CALLS
    )
    endings = ", ".join(f"{name} = {getattr(records, name)}" for name in ENDINGS)
    states = ", ".join(f"{name} = {getattr(records, name)}" for name in STATES)
    limits = ", ".join(f"{name} = {getattr(handles, name)}" for name in LIMITS)
    parts = [
        f"/* {MADE}: the calls, errors and records. */",
        _enum("system_call", [*calls, ("NO_CALL", CALLS[-1].number + 1, "nor is any number behind it")]),
        _enum("system_error", ((f"ERROR_{error_name(each)}", each.number, each.sentence) for each in errors())),
        _enum("permission", RIGHTS),
        _enum("right", handles.HANDLE_RIGHTS),
        f"enum {{ {endings}, ANY_CHILD = -1 }};",
        f"enum {{ {states} }};",
        f"enum {{ {limits} }};\n\n#define NO_WAIT UINT32_MAX",
        *map(_struct, records.RECORDS),
        *map(_c_stub, CALLS),
    ]
    return "\n\n".join(parts) + "\n"


def _enum(name: str, rows: Iterable[tuple[str, int, str]]) -> str:
    lines = (f"    {each} = {number}," + (f" /* {remark} */" if remark else "") for each, number, remark in rows)
    return f"enum {name} {{\n" + "\n".join(lines) + "\n};"


def _struct(record: type[Struct]) -> str:
    fields = (
        f"    {POINTERS.get(name, C_TYPES[kind] + ' ')}{name};" + (f" /* {remark} */" if remark else "")
        for name, kind, remark in _fields(record)
    )
    return f"/* {record.__doc__} */\nstruct {_words(record.__name__).lower()} {{\n" + "\n".join(fields) + "\n};"


def _fields(record: type[Struct]) -> Iterator[tuple[str, str, str]]:
    """Yield each field of a record: name, type, remark."""
    for name, kind, size, remark in re.findall(FIELD, inspect.getsource(record), re.MULTILINE):
        yield (f"{name}[{getattr(records, size)}]" if size else name), kind, remark


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name)


def _form(form: Form | type[Struct]) -> Form:
    """Return how an argument is declared."""
    if isinstance(form, Form):
        return form
    return Form(f"struct {_words(form.__name__).lower()} *", form.__name__)


def _c_stub(call: Call) -> str:
    if call.carries:
        return _c_carrier(call)
    forms = {name: _form(each).c for name, each in call.arguments.items()}
    given = ", ".join(c + name for name, c in forms.items()) or "void"
    passed = [name if c in C_TYPES_PASSED else f"(uintptr_t){name}" for name, c in forms.items()]
    made = f"sys_call(CALL_{call.name.upper()}, {', '.join((passed + ['0'] * 4)[:4])})"
    flush = "    print_flush();\n" if call.leaves else ""
    sentence = f"/* {call.sentence} */\n"
    name = call.c or f"sys_{call.name}"
    if call.never:
        head = f"__attribute__((__noreturn__)) static inline void {name}({given})"
        return f"{sentence}{head}\n{{\n{flush}    for (;;)\n        {made};\n}}"
    cast = f"({call.c_result.strip()})" if call.c_result == "int32_t " else f"({call.c_result})"
    if call.copies:
        body = f"    int32_t taker = __take_all(), result = {cast}{made};\n\n    __leave_all(taker);\n"
        return f"{sentence}static inline {call.c_result}{name}({given})\n{{\n{flush}{body}    return result;\n}}"
    return f"{sentence}static inline {call.c_result}{name}({given})\n{{\n{flush}    return {cast}{made};\n}}"


def _c_carrier(call: Call) -> str:
    """Return the stubs of a call that carries a message, which is there and back in a record."""
    has_reply = "handles" in call.arguments
    given = "uint32_t handle, uint32_t reply" if has_reply else "uint32_t handle"
    passed = f"CALL_{call.name.upper()}, handle{f' | reply << {REPLY_SHIFT}' if has_reply else ''}"
    words, record, const = CARRIERS[call.receives]
    name = call.c or f"sys_{call.name}"
    return (
        f"/* {call.sentence} */\nstatic inline int32_t {name}({given}, {const}struct words *words)\n"
        f"{{\n    return (int32_t){words}({passed}, ({const}uintptr_t *)words);\n}}\n\n"
        "/* Do the same with more than words. */\n"
        f"static inline int32_t sys_{call.name}_message({given}, {const}struct message *message)\n"
        f"{{\n    return (int32_t){record}({passed}, ({const}uintptr_t *)message);\n}}"
    )


CARRIERS = {
    False: ("keelback_send_words", "keelback_send", "const "),
    True: ("keelback_words", "keelback_message", ""),
}
"""What of `trap.h` sends words, and a record; by whether something comes, for which the record is not constant."""
C_TYPES_PASSED = ("uint32_t ", "size_t ", "uintptr_t ", "enum permission ", "enum right ")
"""Types that need no cast to be passed as `uintptr_t`; an `int32_t` is passed as what a register holds for it."""

# Kernel Python.

STUBS = '''"""The system calls of programs in Kernel Python, a method each.

{made}.
"""

from typing import Protocol

from keelback.abi.records import {records}
from keelback.lang import Component, native, u32, word
from keelback.user.line import Line

CALL = 'word result; __asm__ volatile(KEELBACK_TRAP : "=a"(result) : '
LOST = ' : "dx", KEELBACK_LOST);'


class Kernel(Protocol):
    """What serves the system calls of a program that runs in CPython."""

    def serve(self, call: str, *arguments: object) -> int:
        """Serve a call by its name in Python; return its result."""
        ...


def served(kernel: Kernel | None) -> Kernel:
    """Return the kernel of a program that runs in CPython.  Raises: TypeError when it has none."""
    if kernel is None:
        raise TypeError("this program is only compiled: it has no kernel to call")
    return kernel


class Calls(Component):
    """The system calls; `System` makes those with an underscore, which leave the caller as it is no longer."""

    def __init__(self, kernel: Kernel | None) -> None:
        self.kernel = kernel
'''
LETTERS = "bSD"
_PASSED = {NUMBER: "(word)(i32)", **dict.fromkeys((COUNT, RIGHTS_FORM, HANDLE, HANDLE_RIGHTS_FORM), "(word)")}
"""How what is narrower than a register is passed."""


def stubs() -> str:
    """Return the text of `user/calls.py`."""
    forms = {_form(each).python for call in CALLS for each in call.arguments.values()} - {"Line", "u32", "word"}
    forms |= {"Message", "Words"}
    return STUBS.format(made=MADE, records=", ".join(sorted(forms))) + "".join(map(_python_stub, CALLS))


def _python_stub(call: Call) -> str:
    if call.carries:
        return _python_carrier(call)
    values = [f"{_PASSED.get(_form(form), '')}{name}" for name, form in call.arguments.items()]
    operands = "".join(f', "{letter}"({each})' for letter, each in zip(LETTERS, values, strict=False))
    result = "word" if call.gives_address else "u32"
    made = f"f'{{CALL}}\"0\"((word){call.number}){operands}{{LOST}} return ({result})result;'"
    if len(values) > len(LETTERS):  # the fourth is in a register that only the function can use
        made = f'"return ({result})keelback_call({call.number}, {", ".join(map(_as_word, call.arguments.items()))});"'
    given = "".join(f", {name}: {_form(each).python}" for name, each in call.arguments.items())
    passed = "".join(f", {name}" for name in call.arguments)
    return f'''
    @native({made})
    def {"_" * call.leaves}{call.python}(self{given}) -> {result}:
        """{call.sentence}"""
        return served(self.kernel).serve("{call.python}"{passed})
'''


def _as_word(argument: tuple[str, Form | type[Struct]]) -> str:
    """Return how an argument is passed as a word of C."""
    name, form = argument
    return f"{_PASSED.get(_form(form), '(word)')}{name}"


def _python_carrier(call: Call) -> str:
    """Return the same in Kernel Python."""
    has_reply = "handles" in call.arguments
    given, served = ("handle: u32, reply: u32", "handle, reply") if has_reply else ("handle: u32", "handle")
    passed = f"{call.number}, handle{f' | reply << {REPLY_SHIFT}' if has_reply else ''}"
    words, record, _ = CARRIERS[call.receives]
    return f'''
    @native("return (u32){words}({passed}, (word *)words);")
    def {call.python}(self, {given}, words: Words) -> u32:
        """{call.sentence}"""
        return served(self.kernel).serve("{call.python}", {served}, words)

    @native("return (u32){record}({passed}, (word *)message);")
    def {call.python}_message(self, {given}, message: Message) -> u32:
        """Do the same with more than words."""
        return served(self.kernel).serve("{call.python}_message", {served}, message)
'''


# The docs.


def call_table() -> str:
    """Return the table of calls."""
    most = max(len(call.arguments) for call in CALLS)
    rows = [("number", "call", *REGISTERS[:most], "success", "errors"), ("---",) * (most + 4)]
    for call in CALLS:
        arguments = [*call.arguments] + [""] * (most - len(call.arguments))
        numbers = ", ".join(str(each) for each in sorted((each.number for each in call.errors), reverse=True))
        rows.append((str(call.number), call.name, *arguments, call.result, numbers))
    return _table(rows)


def error_table() -> str:
    """Return the table of errors."""
    rows = [(str(each.number), error_name(each), each.sentence) for each in errors()]
    return _table([("number", "name", "meaning"), ("---",) * 3, *rows])


def part_table() -> str:
    """Return the table of parts."""
    calls = {part: ", ".join(f"`{call.name}`" for call in CALLS if call.part is part) for part in SENTENCES}
    rows = [(part.value, sentence, calls[part]) for part, sentence in SENTENCES.items()]
    return _table([("part", "what is there", "calls"), ("---",) * 3, *rows])


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("|".join(("", *(f" {each} " if each else " " for each in row), "")) for row in rows)
    return "\n".join(lines).replace("| --- ", "|---") + "\n"
