"""Strict mode: what it checks, where it says that it went wrong, and what it leaves alone."""

import inspect
import marshal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import cache_from_source, module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest

from keelback.lang import MISTAKES, Panic, ProcessFault, strict

HEADER = "from collections.abc import Iterator\nimport keelback.lang as lang\nfrom keelback.lang import *\n"
NUMBERS = count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports Kernel Python, given as text, strictly."""
    package = f"strict_sample_{next(NUMBERS)}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    strict.install(package)

    def importer(text, name="module"):
        (folder / f"{name}.py").write_text(HEADER + dedent(text))
        __import__(f"{package}.{name}")
        return sys.modules[f"{package}.{name}"]

    yield importer
    for name in [each for each in sys.modules if each.startswith(package)]:
        del sys.modules[name]


def expect_panic(function, arguments, message, marked="# here"):
    """Check that a call panics with a message, at the line of its module that has the mark."""
    with pytest.raises(Panic) as caught:
        result = function(*arguments)
        if isinstance(result, Iterator):
            list(result)
    file = inspect.getfile(function)
    with open(file) as source:
        line = next(number for number, line in enumerate(source, 1) if marked in line)
    assert caught.value.message == message
    assert (caught.value.file, caught.value.line) == (file, line)


PARAMETERS = {
    "plain": "def f(x: u8):\n    return 0  # here",
    "second": "def f(x: u8, y: int = 0) -> int:\n    '''Say something.'''  # here\n    return x",
    "positional": "def f(x: u8, /):\n    return 0  # here",
    "text": "def f(x: 'u8'):\n    return 0  # here",
    "qualified": "def f(x: lang.u8):\n    return 0  # here",
    "several lines": "def f(\n    x: u8,\n) -> None:\n    pass  # here",
    "only a docstring": "def f(x: u8) -> None:\n    '''Do nothing.'''  # here",
    "generator": "def f(x: u8):\n    yield 0  # here",
    "native": "@native('return;')\ndef f(x: u8) -> None:\n    return None  # here",
}


@pytest.mark.parametrize("text", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("value", [256, -1, 1 << 80])
def test_a_parameter_is_checked(load, text, value):
    expect_panic(load(text).f, [value], f"{value} does not fit x in f: u8")


@pytest.mark.parametrize("value", [1.0, "1", None, True])
def test_a_parameter_that_is_no_integer_panics_and_a_bool_is_none(load, value):
    expect_panic(load(PARAMETERS["plain"]).f, [value], f"x in f takes u8, not {value!r}")


@pytest.mark.parametrize("name", list(strict.INTEGER_TYPES))
def test_every_type_is_checked_and_its_limits_fit(load, name):
    function = load(f"def f(x: {name}) -> {name}:\n    return x  # here").f
    type = strict.INTEGER_TYPES[name].resolved(32)
    assert [function(type.minimum), function(type.maximum)] == [type.minimum, type.maximum]
    expect_panic(function, [type.maximum + 1], f"{type.maximum + 1} does not fit x in f: {type.name}")
    expect_panic(function, [type.minimum - 1], f"{type.minimum - 1} does not fit x in f: {type.name}")


def test_keyword_parameters_and_defaults_are_checked(load):
    module = load("def f(*, x: u8 = 256) -> None:\n    pass  # here\ndef g(x: u8 = 300) -> None:\n    pass  # there")
    expect_panic(module.f, [], "256 does not fit x in f: u8")
    expect_panic(module.g, [], "300 does not fit x in g: u8", "# there")


RESULTS = {
    "plain": "def f(x) -> u8:\n    return x  # here",
    "in a branch": "def f(x) -> u8:\n    if x:\n        return x  # here\n    return 0",
    "in a handler": "def f(x) -> u8:\n    try:\n        raise KeyError\n    except KeyError:\n        return x  # here",
    "in a loop": "def f(x) -> u8:\n    while True:\n        for n in (x,):\n            return n  # here",
    "several lines": "def f(x) -> u8:\n    return (  # here\n        x +\n        0)",
    "text": "def f(x) -> 'u8':\n    return x  # here",
}


@pytest.mark.parametrize("text", RESULTS.values(), ids=RESULTS)
def test_a_result_is_checked(load, text):
    function = load(text).f
    assert function(255) == 255
    expect_panic(function, [256], "256 does not fit the result of f: u8")


LOCALS = {
    "annotated": "n: u8 = x  # here",
    "assigned again": "n: u8 = 0\n    n = x  # here",
    "declared first": "n: u8\n    n = x  # here",
    "augmented": "n: u8 = 0\n    n += x  # here",
    "a tuple": "n: u8 = 0\n    (a, n), b = (1, x), 2  # here",
    "a starred tuple": "n: u8 = 0\n    n, *rest = x, 1, 2  # here",
    "two targets": "n: u8 = 0\n    a = n = x  # here",
    "a loop": "n: u8 = 0\n    for n in range(x, x + 1):  # here\n        pass",
    "a tuple in a loop": "n: u8 = 0\n    for a, n in ((1, x),):  # here\n        pass",
    "a named expression": "n: u8 = 0\n    if (n := x):  # here\n        pass",
    "in a branch": "n: u8 = 0\n    if x:\n        n = x  # here",
    "in a finally": "n: u8 = 0\n    try:\n        pass\n    finally:\n        n = x  # here",
    "text": "n: 'u8' = x  # here",
}


@pytest.mark.parametrize("text", LOCALS.values(), ids=LOCALS)
def test_an_annotated_local_is_checked_wherever_it_gets_a_value(load, text):
    function = load(f"def f(x):\n    {text}\n").f
    function(1)
    expect_panic(function, [256], "256 does not fit n in f: u8")


def test_a_parameter_is_checked_when_it_is_assigned_to(load):
    expect_panic(load("def f(x: u8):\n    x -= 1  # here").f, [0], "-1 does not fit x in f: u8")


def test_what_has_no_integer_annotation_is_not_checked(load):
    function = load("def f(x, y: int, z: str) -> int:\n    n: int = x\n    m = n\n    return (m, y, z)").f
    assert function(1 << 80, -1, True) == (1 << 80, -1, True)


def test_a_local_of_the_same_name_in_another_function_is_not_checked(load):
    module = load("def f():\n    n: u8 = 0\n    return n\ndef g():\n    n = 256\n    return n")
    assert (module.f(), module.g()) == (0, 256)


def test_methods_are_checked(load):
    module = load(
        """
        class Part(Component):
            def store(self, x: u8) -> u16:
                return x * 1000  # here
        """
    )
    assert module.Part().store(3) == 3000
    expect_panic(module.Part().store.__func__, [module.Part(), 70], "70000 does not fit the result of store: u16")


def test_methods_of_structs_are_checked(load, region):
    module = load(
        """
        class Part(Struct):
            count: u32
            def add(self, x: i8) -> None:
                self.count += x  # here
        """
    )
    part = region.struct(module.Part)
    part.add(1)
    expect_panic(part.add.__func__, [part, -2], "-1 does not fit Part.count: u32")


def test_a_nested_function_has_its_own_checks(load):
    module = load(
        """
        def f(x: u8) -> u8:
            def g(y: u16) -> u16:
                x = 70000
                return y  # there
            n = g(x * 256)  # a u16
            return n // 256 + 1  # here
        """
    )
    assert module.f(1) == 2
    expect_panic(module.f, [255], "256 does not fit the result of f: u8")


def test_what_a_generator_yields_is_checked(load):
    module = load("def f(end) -> Iterator[u8]:\n    for n in range(end):\n        yield n  # here")
    assert len(list(module.f(256))) == 256
    expect_panic(module.f, [257], "256 does not fit what f yields: u8")


# Asserts.


PANICS = ["assert x > 1, 'x is more than one'", "x // (x - 1)", "(1, 2)[x + 1]", "n = x + 255", "x.nothing"]


@pytest.mark.parametrize("panic", PANICS)
def test_nothing_runs_after_a_panic(load, panic):
    module = load(
        f"""
        trace = []
        def g(x: int) -> None:
            n: u8 = 0
            try:
                try:
                    {panic}
                except KernelError:
                    trace.append("except")
                else:
                    trace.append("else")
                finally:
                    trace.append("inner finally")
            finally:
                trace.append("outer finally")
        def f(x: int) -> None:
            try:
                g(x)
            finally:
                trace.append("finally of the caller")
        """
    )
    with pytest.raises((Panic, *MISTAKES)):
        module.f(1)
    assert module.trace == []


def test_every_other_way_out_runs_its_finally(load):
    module = load(
        """
        class Low(KernelError):
            '''It is low.'''
            number = -243
        trace = []
        def f(x: int) -> int:
            for each in (1, 2):
                try:
                    if x == 1:
                        raise Low
                    if x == 2:
                        return 2
                    if x == 3:
                        raise ProcessFault
                    if x == 4:
                        break
                except Low:
                    try:
                        if x == 1:
                            continue
                    finally:
                        trace.append("in a handler")
                finally:
                    trace.append(x)
            return 9
        """
    )
    assert [module.f(x) for x in (1, 2, 4, 5)] == [9, 2, 9, 9]
    with pytest.raises(ProcessFault):
        module.f(3)
    assert module.trace == ["in a handler", 1, "in a handler", 1, 2, 4, 5, 5, 3]


ASSERTS = {
    "without a message": ("assert x == 1", "x == 1"),
    "a message that is no string": ("assert x == 1, x", "2"),
    "an f-string": ("assert x == 1, f'{x:#x} is not'", "0x2 is not"),
    "braces": ("assert x == 1, '{x}'", "{x}"),
}


@pytest.mark.parametrize(("text", "message"), ASSERTS.values(), ids=ASSERTS)
def test_a_failed_assert_says_what_failed(load, text, message):
    expect_panic(load(f"def f(x):\n    {text}  # here").f, [2], f"assertion failed: {message}")


def test_a_message_is_made_only_when_it_is_needed(load):
    load("def f(x):\n    assert x, 1 // 0").f(1)


def test_an_assert_at_module_level_panics_too(load):
    with pytest.raises(Panic, match=r"^assertion failed: 1 == 2 \(module\.py:4\)$"):
        load("assert 1 == 2")


# What stays as it was.


def test_an_annotation_that_no_python_reads_is_none(load):
    assert load("def f(n):\n    x: 'no type)' = n\n    return x").f(300) == 300


def test_a_sum_of_hundreds_of_numbers_is_read(load):
    assert load("def f(n: u8):\n    return n" + " + n" * 600).f(2) == 1202


def test_what_is_nested_too_deep_for_python_is_a_syntax_error(load):
    with pytest.raises(SyntaxError, match="nested too deep"):
        load("def f(n):\n    return n" + " + n" * 5000)


@pytest.mark.parametrize("data", [b"\n# coding: utf-7\nX = 1\n", b"X = 1\n# caf\xe9\n"])
def test_a_source_that_is_not_utf_8_is_a_syntax_error_with_its_line(data, tmp_path):
    (tmp_path / "module.py").write_bytes(data)
    with pytest.raises(SyntaxError) as error:
        strict.loader_of("module", str(tmp_path / "module.py")).get_code("module")
    assert error.value.lineno == 2 and "UTF-8" in error.value.msg


def test_lines_and_names_are_kept(load):
    text = '''
        """Tagline."""
        VALUE: u8 = 300

        def f(x: u32) -> u32:
            """Do something."""
            n: u32 = x

            return (
                n
            )
        '''
    module = load(text)
    with open(module.__file__) as file:
        plain = compile(file.read(), module.__file__, "exec")
    plain_f = next(each for each in plain.co_consts if getattr(each, "co_name", "") == "f")
    assert {line for _, _, line in module.f.__code__.co_lines() if line} >= {
        line for _, _, line in plain_f.co_lines() if line and line != plain_f.co_firstlineno
    }
    assert module.f.__code__.co_firstlineno == plain_f.co_firstlineno
    assert (module.f.__doc__, module.VALUE) == ("Do something.", 300)
    assert inspect.getsource(module.f).startswith("def f(x: u32)")


@pytest.mark.parametrize("switch", ["-O", "-OO"])
def test_asserts_stay_where_python_leaves_them_out(switch, tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "it.py").write_text("def f(x):\n    assert x < 3, 'small'\n    return x\n")
    text = "from keelback.lang import strict; strict.install('part'); from part.it import f; assert False; f(2); f(3)"
    done = subprocess.run([sys.executable, switch, "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("Panic: assertion failed: small (it.py:2)")


def test_future_annotations_change_nothing(tmp_path):
    source = "from __future__ import annotations\ndef f(x: u8):\n    return x\n"
    namespace = {strict.CHECK: strict.check, strict.PANIC: Panic}
    exec(strict.strict_code(source, "future.py"), namespace)
    with pytest.raises(Panic, match=r"^256 does not fit x in f: u8 \(future\.py:3\)$"):
        namespace["f"](256)


def test_modules_outside_are_untouched(tmp_path, monkeypatch, load):
    name = f"outside_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(HEADER + "def f(x: u8) -> u8:\n    assert x < 600\n    return x")
    outside = __import__(name)
    inside = load("X = 1")
    assert outside.f(300) == 300
    with pytest.raises(AssertionError):
        outside.f(700)
    assert strict.is_strict(inside) and not strict.is_strict(outside)
    assert strict.CHECK not in vars(outside)
    del sys.modules[name]


def test_a_package_whose_name_begins_alike_is_outside(load):
    inside = load("X = 1")
    package = inside.__name__.partition(".")[0]
    finder = next(each for each in sys.meta_path if isinstance(each, strict._StrictFinder) and package in each.packages)
    assert finder.find_spec(package + "x.module", None) is None
    assert finder.find_spec(package, None) is None


def test_a_module_that_is_not_there_is_not_found(load):
    package = load("X = 1").__name__.partition(".")[0]
    with pytest.raises(ModuleNotFoundError):
        __import__(package + ".nothing")


def test_too_late_is_an_error_that_names_the_module(load):
    module = load("X = 1")
    package = module.__name__.partition(".")[0]
    before = list(sys.meta_path)
    with pytest.raises(RuntimeError, match=rf"^strict mode comes too late: {package}\.module is imported already$"):
        strict.install(package)
    assert sys.meta_path == before


def again(module):
    """Import a module once more; return what its `f` gives for 1."""
    del sys.modules[module.__name__]
    return __import__(module.__name__, fromlist=["f"]).f(1)


def kept(module):
    return Path(cache_from_source(module.__file__, optimization="strict"))


@pytest.fixture
def writing(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))


def test_what_is_compiled_is_kept_until_the_source_is_another(writing, load, monkeypatch):
    module = load("def f(x: u8) -> int:\n    return x")
    assert [*kept(module).parent.glob("module*")] == [kept(module)]
    with monkeypatch.context() as patch:
        patch.setattr(strict, "strict_code", lambda source, path: pytest.fail("it was compiled again"))
        assert again(module) == 1
        with pytest.raises(Panic, match="300 does not fit x in f: u8"):
            sys.modules[module.__name__].f(300)
    Path(module.__file__).write_text("def f(x):\n    return x + 1")
    assert again(module) == 2


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xe3", marshal.dumps(5), marshal.dumps((1, 2)), marshal.dumps((1, 2, 3))]
)
def test_a_kept_file_that_is_damaged_is_none(writing, load, data):
    module = load("def f(x: u8):\n    return x")
    right = kept(module).read_bytes()
    kept(module).write_bytes(data)
    assert again(module) == 1 and kept(module).read_bytes() == right
    kept(module).write_bytes(right[:-20])
    assert again(module) == 1 and kept(module).read_bytes() == right


def test_nothing_is_kept_where_python_keeps_nothing(writing, load, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert not kept(load("def f(x: u8):\n    return x")).exists()


def test_a_folder_that_can_not_be_written_is_no_mistake(writing, load, monkeypatch, tmp_path):
    (tmp_path / "kept").write_text("a file")
    assert again(load("def f(x: u8):\n    return x")) == 1


def test_a_users_own_file_is_compiled_each_time(writing, tmp_path):
    file = tmp_path / "own.py"
    file.write_text("X = 1")
    loader = strict.loader_of("own", str(file))
    loader.exec_module(module_from_spec(spec_from_file_location("own", file, loader=loader)))
    assert not (tmp_path / "kept").exists()


def test_the_kernel_is_strict_in_these_tests():
    import keelback.kernel.x86.paging as paging

    assert strict.is_strict(paging)
    with pytest.raises(Panic, match=r"^-1 does not fit address in page_of: u32 \(paging\.py:\d+\)$"):
        paging.page_of(-1)


PAIRS = """
from collections.abc import Iterator

def pairs(first, second) -> Iterator[tuple[u8, "i16"]]:
    yield first, second

def named(first) -> Iterator[tuple[str, u8]]:
    yield "name", first
"""


def test_each_of_several_yielded_values_is_checked():
    module = {strict.CHECK: strict.check, "u8": int}
    exec(strict.strict_code(PAIRS, "pairs.py"), module)
    assert [*module["pairs"](255, -5)] == [(255, -5)] and [*module["named"](3)] == [("name", 3)]
    for values, message in (((256, 0), "256 does not fit what pairs yields: u8"), ((0, 1 << 15), "32768 does not fit")):
        with pytest.raises(Panic, match=message):
            [*module["pairs"](*values)]
    with pytest.raises(Panic, match="-1 does not fit what named yields: u8"):
        [*module["named"](-1)]
