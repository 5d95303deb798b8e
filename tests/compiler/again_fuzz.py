"""Kernels with random changes, compiled again and as a whole, do the same: again_fuzz.py SECONDS [SEED].

A change is one of a method's text: a number, a comparison, an operator, a statement that is left out or moved, an
error that is raised.  Most are mistakes, some are refused, and a kernel that goes wrong must go wrong alike.
"""

import ast
import copy
import inspect
import random
import re
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from campaigns import seeds
from keelback.abi import errors
from keelback.compiler.again import compile_again
from keelback.compiler.errors import CompileError
from keelback.image.compiled import CONVENTIONS, KernelBase, compile_kernel, compile_kernel_again, compile_kernel_base
from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.payload import make_payload
from keelback.image.toolchain import ToolchainError
from keelback.kernel.layout import MICROKERNEL, TEACHING, Layout, with_paging
from keelback.labs.digests import Digests
from keelback.labs.lockstep import LONGEST_TRAP
from keelback.lang import Panic, static_parts
from keelback.lang.replacing import Replacement
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from kernel.mistaken import noted, put_in_place
from kernel.quick import FLAGS
from support import MIB, programs_of

LAYOUTS = (MICROKERNEL, TEACHING, with_paging(MICROKERNEL, "x86-64"))
LINES = ("hello", "forkexit", "fork 1", "allocator 20", "stack")
TIME = 3_000_000
"""Instructions of programs that a run may take."""


class Change(NamedTuple):
    """A method of a kernel's parts with another text."""

    owner: type
    name: str
    own: FunctionType
    what: str


class Mutator(ast.NodeTransformer):
    """Changes the one place whose number it is told, and counts the places."""

    def __init__(self, chosen: int, rng: random.Random) -> None:
        self.chosen = chosen
        self.rng = rng
        self.seen = 0
        self.what = ""

    def _here(self, what: str) -> bool:
        self.seen += 1
        if self.seen - 1 == self.chosen:
            self.what = what
            return True
        return False

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and self._here("number"):
            node.value = max(0, node.value + self.rng.choice((-1, 1, 2)))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)) and self._here("comparison"):
            node.ops[0] = self.rng.choice((ast.Lt, ast.GtE, ast.Eq, ast.NotEq))()
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Sub, ast.BitAnd, ast.BitOr)) and self._here("operator"):
            node.op = self.rng.choice((ast.Add, ast.Sub, ast.BitAnd, ast.BitOr, ast.BitXor))()
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if self._here("condition"):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call):
            if self._here("call left out"):
                return ast.Pass()
            if self._here("call made twice"):
                return ast.If(ast.Constant(True), [node, copy.deepcopy(node)], [])
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.targets[0], (ast.Attribute, ast.Subscript)) and self._here("assignment left out"):
            return ast.Pass()
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if self._here("another error"):
            node.exc = ast.Name(self.rng.choice(("OutOfMemory", "BadAddress", "BadArgument")), ast.Load())
        return node


def methods(layout: Layout) -> list[tuple[type, FunctionType]]:
    """Return the methods in Kernel Python of a kernel's parts, each once, with the class that has it."""
    found = {}
    for _, part in static_parts(kernel_of(layout)[0]):
        for owner in type(part).__mro__:
            if owner.__module__.startswith("keelback.kernel."):
                for name, each in vars(owner).items():
                    if isinstance(each, FunctionType) and not name.startswith("__"):
                        found[owner.__module__, owner.__qualname__, name] = owner, each
    return [found[each] for each in sorted(found)]


def change_of(owner: type, method: FunctionType, folder: Path, rng: random.Random) -> Change | None:
    """Return a method with another text, None where it has no place that could be changed."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    places = Mutator(-1, rng)
    places.visit(copy.deepcopy(tree))
    if not places.seen:
        return None
    mutator = Mutator(rng.randrange(places.seen), rng)
    changed = ast.fix_missing_locations(mutator.visit(tree))
    file = folder / f"{owner.__name__}_{method.__name__}_{rng.randrange(1 << 32)}.py"
    text = ast.unparse(changed) + "\n"
    file.write_text(text)  # the compiler reads it there
    names = {**vars(errors), **vars(sys.modules[method.__module__])}
    exec(compile(text, str(file), "exec"), names)
    return Change(owner, method.__name__, names[method.__name__], mutator.what)


@cache
def base_of(layout: Layout) -> KernelBase:
    kernel, ram = kernel_of(layout)
    return compile_kernel_base(kernel, ram, entries_of(kernel), flags=FLAGS)


def outcome_of(compile_it: Callable[[], CompiledKernel], layout: Layout, line: str) -> tuple[Any, ...]:
    """Return what comes of a kernel: why it is refused, or the digests of its RAM and how it ends."""
    try:
        kernel = compile_it()
    except (CompileError, ToolchainError) as error:
        return "refused", str(error)
    name = line.split()[0]
    payload = make_payload({"etc/init": f"{line}\n".encode(), name: programs_of(layout)[name]})
    pc = CompiledPc(layout, make_image(layout, payload, kernel), memory=max(8 * MIB, layout.owned_end + 2 * MIB))
    pc.ring0.most_instructions = LONGEST_TRAP
    digests = Digests(pc)
    try:
        digests.run(TIME)
        end = pc.outcome.name
    except Panic as panic:  # addresses in the text are each kernel's own
        end = re.sub(r"0x[0-9a-f]+|\(.*\)", "…", panic.message)
    return end, len(digests.found), digests.found


def try_one(seed: int, folder: Path, tried: Counter[str]) -> None:
    """Compile a random change both ways and run what is made.  Raises: AssertionError where they differ."""
    rng = random.Random(seed)
    layout, line = LAYOUTS[seed % len(LAYOUTS)], rng.choice(LINES)
    base, candidates = base_of(layout), methods(layout)
    change = None
    while change is None:
        change = change_of(*rng.choice(candidates), folder, rng)
    replacement = Replacement(f"{change.owner.__name__}.{change.name}", change.own, change.owner)
    with put_in_place(change.owner, change.name, change.own), noted(replacement):
        kernel, ram = kernel_of(layout)
        entries = entries_of(kernel)
        short = compile_again(base.base, kernel, ram, entries, convention=CONVENTIONS[ram.word_bits])
        whole = outcome_of(lambda: compile_kernel(kernel, ram, entries, flags=FLAGS), layout, line)
        if short is None:
            tried["as a whole"] += 1
            return
        other = outcome_of(lambda: compile_kernel_again(base, kernel, ram, entries, flags=FLAGS), layout, line)
    where = f"{change.owner.__name__}.{change.name}, {change.what}, {layout.name} {layout.paging.name}, {line}"
    assert whole == other, f"seed {seed}: {where}: {whole[:2]} as a whole, {other[:2]} compiled again"
    tried[whole[0] if whole[0] in ("refused", *Outcome.__members__) else "panic"] += 1


def main() -> None:
    """Try changes until the time is up."""
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds(lambda: ", ".join(f"{each} {count}" for each, count in tried.most_common())):
            try_one(seed, Path(folder), tried)


if __name__ == "__main__":
    main()
