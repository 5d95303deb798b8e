"""Surgery: programs changed and recombined at random, as trees; then written over more lines than they need.

Each operator takes the entry of a program and changes it in place, or leaves it alone where it finds nothing to do.
"""

import ast
import copy
import io
import random
import tokenize
from collections.abc import Callable, Iterator

from compiler.holes import NAMES, TYPES, Holes
from compiler.scenario_world import Program

Operator = Callable[[ast.FunctionDef, Holes], None]
Slot = tuple[ast.AST, str, int | None, ast.expr]
"""An expression and where it is: the node, its field, and the place there if that is a list."""
KEPT = ("annotation", "returns", "func", "type", "decorator_list", "format_spec", "ctx")
"""The fields of a node in which no expression is changed."""


def operated(program: Program, other: Program, holes: Holes) -> Program:
    """Return a program after up to four operations, or as it was where the result is no Python, or too deep."""
    try:
        entry = program.entry()
        integers_of = {each.arg: ast.unparse(each.annotation) for each in entry.args.args[1:] if each.annotation}
        holes.types = {name: type for name, type in integers_of.items() if type in TYPES}
        for _ in range(holes.pick((1, 1, 2, 3, 4))):
            if holes.chance(15):
                graft(entry, other.entry(), holes)
            else:
                holes.pick(OPERATORS)(entry, holes)
        changed = program.with_entry(entry)
    except RecursionError:  # a program of the longest
        return program
    return changed if changed.is_python() else program


# What may be operated on.


def blocks(entry: ast.FunctionDef) -> list[list[ast.stmt]]:
    """Return all lists of statements of a function."""
    found = []
    for node in ast.walk(entry):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                found.append(block)
    return found


def place(entry: ast.FunctionDef, holes: Holes) -> tuple[list[ast.stmt], int]:
    """Return a random place: a block and an index in it."""
    block = holes.pick(blocks(entry))
    return block, holes.random.randrange(len(block))


def statements(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def integers(entry: ast.FunctionDef) -> list[Slot]:
    """Return the expressions that are read as integers, likely, with the fields that hold them."""
    return [each for each in slots(entry) if isinstance(each[3], (ast.BinOp, ast.Constant, ast.Name, ast.Call))]


def slots(entry: ast.AST) -> Iterator[Slot]:
    for node in ast.walk(entry):
        for name, value in ast.iter_fields(node):
            if name not in KEPT:
                each: list[tuple[int | None, object]] = [(None, value)]
                yield from (
                    (node, name, index, inner)
                    for index, inner in (enumerate(value) if isinstance(value, list) else each)
                    if isinstance(inner, ast.expr) and _may_change(node, inner)
                )


def _may_change(node: ast.AST, inner: ast.expr) -> bool:
    """Say whether an expression is read, and is neither a text nor what an attribute is of."""
    read = isinstance(getattr(inner, "ctx", ast.Load()), ast.Load)
    text = isinstance(inner, ast.Constant) and not isinstance(inner.value, int)
    return read and not text and not isinstance(node, ast.Attribute) and getattr(inner, "id", "") != "self"


def put(slot: Slot, text: str) -> None:
    node, name, index, old = slot
    new = ast.parse(text.replace("OLD", f"({ast.unparse(old)})"), mode="eval").body
    if index is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[index] = new


# The operators.


def wrap(entry: ast.FunctionDef, holes: Holes) -> None:
    """Put some statements into an if, a loop or a try."""
    block, start = place(entry, holes)
    end = holes.random.randrange(start, len(block)) + 1
    head, *tails = holes.pick(WRAPPERS)
    text = f"{head}\n" + "".join(f"{each}\n" for each in tails)
    text = holes.fill(text.replace("X", holes.name()).replace("Y", holes.name()))
    [outer] = statements(text)
    outer.body += block[start:end]  # type: ignore[attr-defined]
    block[start:end] = [outer]


WRAPPERS = (
    ("if «cond»: pass",),
    ("if «cond»: pass", "else:\n    «any»"),
    ("for X in range(«small»): self.tick(X)",),
    ("for X in range(«small», 9, «2|3»): self.tick(X)",),
    ("for X in self.«each(«small»)|evens(5)»: self.tick(X)",),
    ("for X in «self.table|reversed(self.table)|reversed(ODD)»: self.tick(X)",),
    ("for X in «self.parts|reversed(self.parts)»: X.moved(«small»)",),
    ("for X, Y in enumerate(«self.names|reversed(self.names)»): self.log.write(Y)",),
    ("while «cond»: «any»",),
    ("while «cond»: «any»", "else:\n    «any»"),
    ("try: pass", "except «error»:\n    «any»"),
    ("try: pass", "except «error» as X:\n    self.tick(-X.number & 0xFF)"),
    ("try: pass", "finally:\n    «effect»"),
    ("try: pass", "except «error»:\n    «any»", "else:\n    «any»", "finally:\n    «effect»"),
    ("try: pass", "except Low:\n    «any»", "except High:\n    raise"),
)


def leave(entry: ast.FunctionDef, holes: Holes) -> None:
    """Add an exit: out of a loop, the function, or with an error."""
    block, index = place(entry, holes)
    ways = ("break", "continue", "break", "continue", "return «small»", "raise Low", "raise High", "assert «cond»")
    block[index:index] = statements(holes.fill(f"if «cond»:\n    {holes.pick(ways)}"))


def add(entry: ast.FunctionDef, holes: Holes) -> None:
    block, index = place(entry, holes)
    block[index:index] = statements(holes.one("any"))


def drop(entry: ast.FunctionDef, holes: Holes) -> None:
    block, index = place(entry, holes)
    if len(block) > 1:
        del block[index]


def move(entry: ast.FunctionDef, holes: Holes) -> None:
    """Move a statement to another place."""
    block, index = place(entry, holes)
    if len(block) > 1:
        statement = block.pop(index)
        there, index = place(entry, holes)
        there.insert(index, statement)


def repeat(entry: ast.FunctionDef, holes: Holes) -> None:
    """Copy a statement to another place."""
    block, index = place(entry, holes)
    statement = copy.deepcopy(block[index])
    there, index = place(entry, holes)
    there.insert(index, statement)


def replace_integer(entry: ast.FunctionDef, holes: Holes) -> None:
    """Change an expression."""
    if found := integers(entry):
        put(holes.pick(found), holes.fill(holes.pick(REPLACEMENTS)))


REPLACEMENTS = (
    "0", "«const»", "«i»", "OLD + 1", "-OLD", "OLD & 0xFF", "min(OLD, 3)", "OLD if «cond» else 3", "~OLD", "OLD % -3",
    "self.tick(OLD & 0xFF)", "self.checked(OLD & 0xFF)", "OLD // (a & 1)", "OLD * 3", "«atom» + OLD", "OLD << 1",
    "self.table[OLD & 3]", "self.spare.words[OLD & 3]", "OLD >> 31",
)  # fmt: skip


def rename(entry: ast.FunctionDef, holes: Holes) -> None:
    """Give a local, or two, another name, which may be one that stands for something else."""
    stored = sorted({n.id for n in ast.walk(entry) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    parameters = [each.arg for each in entry.args.args[1:]]
    if not stored + parameters:
        return
    old = holes.pick(stored + parameters)
    new = holes.pick((*stored, *parameters, *NAMES["global"])) if holes.chance(30) else holes.name()
    if new in parameters and old in parameters:
        return
    for node in ast.walk(entry):
        if isinstance(node, ast.Name) and node.id == old:
            node.id = new
        elif isinstance(node, ast.arg) and node.arg == old:
            node.arg = new
        elif isinstance(node, ast.ExceptHandler) and node.name == old:
            node.name = new


def annotate(entry: ast.FunctionDef, holes: Holes) -> None:
    """Give an assignment a type, or take it away."""
    for block in holes.random.sample(found := blocks(entry), len(found)):
        for index, each in enumerate(block):
            if isinstance(each, ast.Assign) and len(each.targets) == 1 and isinstance(each.targets[0], ast.Name):
                annotation = ast.Name(holes.pick(("u8", "u32", "i32", "u16", "Byte", "i64")), ast.Load())
                block[index] = ast.AnnAssign(each.targets[0], annotation, each.value, 1)
                return
            if isinstance(each, ast.AnnAssign) and each.value is not None:
                block[index] = ast.Assign([each.target], each.value)
                return


def join(entry: ast.FunctionDef, holes: Holes) -> None:
    """Make one assignment to a tuple of two that follow each other."""
    for block in blocks(entry):
        for index in range(len(block) - 1):
            first, second = block[index : index + 2]
            if isinstance(first, ast.Assign) and isinstance(second, ast.Assign):
                target = ast.Tuple([first.targets[0], second.targets[0]], ast.Store())
                block[index : index + 2] = [ast.Assign([target], ast.Tuple([first.value, second.value], ast.Load()))]
                return


def name_it(entry: ast.FunctionDef, holes: Holes) -> None:
    """Store an expression of a statement in a local first."""
    block, index = place(entry, holes)
    inner = [each for each in slots(block[index]) if isinstance(each[3], (ast.BinOp, ast.Call, ast.Attribute))]
    if inner:
        slot, name = holes.pick(inner), holes.name()
        [assign] = statements(f"{name} = {ast.unparse(slot[3])}")
        put(slot, name)
        block.insert(index, assign)


def negate(entry: ast.FunctionDef, holes: Holes) -> None:
    """Swap the branches of an if, with its condition turned round."""
    ifs = [each for each in ast.walk(entry) if isinstance(each, ast.If)]
    if ifs:
        chosen = holes.pick(ifs)
        chosen.test = ast.UnaryOp(ast.Not(), chosen.test)
        chosen.body, chosen.orelse = chosen.orelse or [ast.Pass()], chosen.body


def graft(entry: ast.FunctionDef, other: ast.FunctionDef, holes: Holes) -> None:
    """Insert statements of another program."""
    there, start = place(other, holes)
    block, index = place(entry, holes)
    grafted = copy.deepcopy(there[start : start + holes.pick((1, 2, 3))])
    # Parameters keep their places, whatever their names.
    names = dict(zip((each.arg for each in other.args.args), (each.arg for each in entry.args.args), strict=False))
    for node in (node for each in grafted for node in ast.walk(each)):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    block[index:index] = grafted


OPERATORS: tuple[Operator, ...] = (
    wrap, wrap, wrap, leave, leave, add, drop, move, repeat, replace_integer, replace_integer, rename, rename, annotate,
    join, name_it, negate,
)  # fmt: skip


# Lines.


def over_lines(text: str, chosen: random.Random) -> str:
    """Return a program with line breaks where brackets allow some: a panic's line is that of its expression."""
    lines = text.split("\n")
    depth, breaks = 0, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if depth and token.type == tokenize.OP and token.string not in ".:=" and chosen.randrange(3) == 0:
            breaks.append(token.end)
    for row, column in reversed(breaks):
        line = lines[row - 1]
        indent = len(line) - len(line.lstrip())
        lines[row - 1 : row] = [line[:column], " " * (indent + 8) + line[column:].lstrip()]
    return "\n".join(lines)
