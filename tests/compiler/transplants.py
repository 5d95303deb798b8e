"""Transplants: control flow and names of real Python, the kernel's own and that of Python's library.

Statements stay where they are and names what they are; what they calculate becomes something of the scenarios' world:
a name that is compared with None is a `Ref[Node]`, every other an integer.
"""

import ast
import importlib.util
import warnings
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import keelback
from compiler.holes import NARROW, Holes
from compiler.scenario_world import Program

LIBRARY = (
    "heapq", "bisect", "textwrap", "difflib", "shlex", "fractions", "posixpath", "json.decoder", "configparser",
    "csv", "getopt", "graphlib", "ipaddress", "statistics", "urllib.parse", "html.parser", "calendar", "_strptime",
)  # fmt: skip
SHORTEST, LONGEST = 4, 50
FIELDS = ("self.spare.a", "self.spare.b", "self.spare.c", "self.spare.frame.depth", "self.first.c", "self.inner.x")
CALLED = ("self.tick({})", "self.twice({})", "self.checked({})", "self.spare.bump({})", "self.part.moved({})")
CONSTANTS = ("step", "LIMIT", "ODD[1]", "self.limits.low", "self.part.step", "chosen", "len(self.names)", "7")
ERRORS = ("Low", "High", "KernelError", "(Low, High)")
OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Div: "//", ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "==",
    ast.NotIn: "!=", ast.Is: "==", ast.IsNot: "!=",
}  # fmt: skip


@cache
def functions() -> tuple[ast.FunctionDef, ...]:
    """Return all functions of the sources, none too short or too long."""
    own = [Path(keelback.__file__).parent / each for each in ("kernel", "lang", "user")]
    files = [*(each for folder in own for each in sorted(folder.rglob("*.py"))), *_library()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library's own texts are warned of
        trees = [ast.parse(each.read_text(encoding="utf-8")) for each in files]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return tuple(each for each in found if SHORTEST <= (each.end_lineno or 0) - each.lineno <= LONGEST)


def _library() -> Iterator[Path]:
    for name in LIBRARY:
        spec = importlib.util.find_spec(name)
        if spec is not None and str(spec.origin).endswith(".py"):
            yield Path(str(spec.origin))


def transplant(seed: str) -> Program:
    """Return a program made of a real function."""
    holes = Holes(seed)
    return Transplant(holes, holes.pick(functions())).program(seed)


class Transplant:
    """One function on its way into the scenarios' world."""

    def __init__(self, holes: Holes, function: ast.FunctionDef) -> None:
        self.holes = holes
        self.function = function
        self.refs = {name for node in ast.walk(function) for name in _compared_with_none(node)}
        self.handled: list[str] = []
        parameters = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
        self.parameters = [each for each in parameters if each not in self.refs][:2]
        stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.late = [each for each in parameters if each not in self.parameters]
        self.names = stored | set(parameters)
        self.untyped = {each for each in stored if holes.chance(50)} | self.refs

    def program(self, seed: str) -> Program:
        """Return the program."""
        typed = "".join(f", {name}: {self.holes.pick(NARROW)}" for name in self.parameters)
        first = [line for name in self.late for line in self._store(name, ast.Constant(len(name)))]
        body = [*first, *self._block(self.function.body), f"return {self._byte(ast.Constant(9))}"]
        text = f"def entry(self{typed}) -> u32:\n" + "".join(f"    {line}\n" for line in body)
        return Program("transplants", seed, text)

    # Statements, as lines.

    def _block(self, body: Sequence[ast.stmt]) -> list[str]:
        return [line for each in body for line in self._statement(each)]

    def _indented(self, head: str, body: Sequence[ast.stmt]) -> list[str]:
        return [f"{head}:", *(f"    {line}" for line in self._block(body) or ["pass"])]

    def _statement(self, node: ast.stmt) -> list[str]:
        method = getattr(self, f"_{type(node).__name__}", None)
        return method(node) if method else []

    def _If(self, node: ast.If) -> list[str]:
        lines = self._indented(f"if {self._cond(node.test)}", node.body)
        return lines + (self._indented("else", node.orelse) if node.orelse else [])

    def _While(self, node: ast.While) -> list[str]:
        return self._indented(f"while {self._cond(node.test)}", node.body) + self._otherwise(node.orelse)

    def _For(self, node: ast.For) -> list[str]:
        if isinstance(node.target, ast.Name) and node.target.id not in self.refs:
            self.untyped.add(node.target.id)
            head = f"for {node.target.id} in {self._iterated(node)}"
            return self._indented(head, node.body) + self._otherwise(node.orelse)
        names = [each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)]
        index, value = (*[each for each in names if each not in self.refs], self.holes.name(), self.holes.name())[:2]
        self.untyped |= {index, value}
        ways = ("enumerate(self.table)", "((1, 2), (3, 4))", "enumerate(reversed(self.table))")
        among = self._choice(node.iter, ways)
        return self._indented(f"for {index}, {value} in {among}", node.body) + self._otherwise(node.orelse)

    def _iterated(self, node: ast.For) -> str:
        if isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range":
            return f"range({', '.join(f'{self._int(each)} & 7' for each in node.iter.args[:2])})"
        ways = (
            "self.each({})",
            "self.evens({})",
            "range({})",
            "self.table",
            "reversed(self.table)",
            "self.spare.words",
        )
        return self._choice(node.iter, ways).format(f"{self._int(node.iter)} & 7")

    def _otherwise(self, body: Sequence[ast.stmt]) -> list[str]:
        """Return the else of a loop, which Kernel Python does not have: most often what follows the loop."""
        return self._indented("else", body) if body and self.holes.chance(15) else self._block(body)

    def _Try(self, node: ast.Try) -> list[str]:
        lines = self._indented("try", node.body)
        for each in node.handlers:
            name = [each.name] if each.name else []
            self.handled += name
            head = f"except {self._choice(each.type or each, ERRORS)}" + "".join(f" as {one}" for one in name)
            lines += self._indented(head, each.body)
            self.handled = self.handled[: len(self.handled) - len(name)]
        lines += self._indented("else", node.orelse) if node.orelse else []
        return lines + (self._indented("finally", node.finalbody) if node.finalbody else [])

    def _With(self, node: ast.With) -> list[str]:
        return self._block(node.body)

    def _Return(self, node: ast.Return) -> list[str]:
        return [f"return {self._byte(node.value or ast.Constant(0))}"]

    def _Raise(self, node: ast.Raise) -> list[str]:
        if node.exc is None:
            return ["raise"]
        return [f"raise {self._choice(node.exc, ERRORS[:2])}" + (" from None" if node.cause else "")]

    def _Assert(self, node: ast.Assert) -> list[str]:
        told = isinstance(node.msg, ast.Constant) and isinstance(node.msg.value, str) and node.msg.value.isascii()
        return [f"assert {self._cond(node.test)}" + (f", {ast.unparse(node.msg)}" if told and node.msg else "")]

    def _Expr(self, node: ast.Expr) -> list[str]:
        if not isinstance(node.value, ast.Call):
            return []
        texts = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
        text = next((each for each in texts if isinstance(each, str)), None)
        return (
            [self._int(ast.Call(node.value.func, node.value.args[:1], []))]
            if text is None
            else [f"self.log.write({text!r})"]
        )

    def _Assign(self, node: ast.Assign) -> list[str]:
        return [line for target in node.targets for line in self._store(target, node.value)]

    def _AnnAssign(self, node: ast.AnnAssign) -> list[str]:
        return [] if node.value is None else self._store(node.target, node.value)

    def _AugAssign(self, node: ast.AugAssign) -> list[str]:
        if isinstance(node.target, ast.Name) and (node.target.id in self.untyped or node.target.id in self.refs):
            return self._store(node.target, ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value))
        operator = OPERATORS.get(type(node.op), "+")
        return [f"{self._target(node.target)} {operator}= {self._byte(node.value)}"]

    def _Break(self, node: ast.Break) -> list[str]:
        return ["break"]

    def _Continue(self, node: ast.Continue) -> list[str]:
        return ["continue"]

    def _Pass(self, node: ast.Pass) -> list[str]:
        return ["pass"]

    def _store(self, target: ast.expr | str, value: ast.expr) -> list[str]:
        """Return the lines of an assignment."""
        if isinstance(target, (ast.Tuple, ast.List)):
            return self._store_several(target.elts, value)
        name = target if isinstance(target, str) else target.id if isinstance(target, ast.Name) else None
        if name in self.refs:
            return [f"{name}{self._annotation(value)} = {self._ref(value)}"]
        if name is None and isinstance(target, ast.Attribute) and self._is_ref(value):
            return [f"{self._holder(target.value)}.next = {self._ref(value)}"]
        if name is not None and name not in self.untyped:
            self.untyped.add(name)
            return [f"{name}: {self.holes.pick(('u32', 'u32', 'i32', 'u16'))} = {self._byte(value)}"]
        stored = self._target(target) if isinstance(target, ast.expr) else name
        lines = [f"{stored} = {self._byte(value)}"]
        return [*lines, f"self.tick({name} & 0xFF)"] if name and self.holes.chance(20) else lines

    def _store_several(self, targets: Sequence[ast.expr], value: ast.expr) -> list[str]:
        targets = [each.value if isinstance(each, ast.Starred) else each for each in targets]
        several = isinstance(value, ast.Tuple) and len(value.elts) == len(targets)
        values = value.elts if isinstance(value, ast.Tuple) and several else [value] * len(targets)
        if any(self._is_ref(each) or not isinstance(each, (ast.Name, ast.Attribute)) for each in targets):
            return [line for pair in zip(targets, values, strict=True) for line in self._store(*pair)]
        self.untyped |= {each.id for each in targets if isinstance(each, ast.Name)}
        return [f"{', '.join(map(self._target, targets))} = {', '.join(map(self._byte, values))}"]

    def _target(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Subscript):
            return f"self.spare.words[{self._int(node.slice)} & 3]"
        return self._int(node) if isinstance(node, ast.Attribute) else "self.spare.c"

    # Expressions.

    def _choice(self, node: ast.AST, among: Sequence[str]) -> str:
        """Return one of several, the same for the same source text."""
        return among[zlib.crc32(ast.dump(node).encode()) % len(among)]

    def _byte(self, node: ast.expr) -> str:
        return f"{self._int(node)} & {self.holes.pick(('0xFF', '0xFF', '0x7FFF', '7'))}"

    def _int(self, node: ast.AST) -> str:
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Constant):
            value = node.value
            return str(value & 0xFFF) if isinstance(value, int) else self._choice(node, CONSTANTS)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.IfExp):
            return f"({self._int(node.body)} if {self._cond(node.test)} else {self._int(node.orelse)})"
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            return f"{'~' if isinstance(node.op, ast.Invert) else '-'}{self._int(node.operand)}"
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            return f"(1 if {self._cond(node)} else 0)"
        if isinstance(node, ast.Subscript):
            array = self._choice(node, ("self.spare.words", "self.table", "self.last_words"))
            return f"{array}[{self._int(node.slice)} & 3]"
        return self._call(node) if isinstance(node, ast.Call) else self._choice(node, CONSTANTS)

    def _attribute(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id in self.refs:
            return f"{node.value.id}.{self._choice(node, 'abc')}"
        return self._choice(node, FIELDS)

    def _name(self, node: ast.Name) -> str:
        if node.id in self.handled:
            return f"-{node.id}.number"
        if node.id in self.refs:
            return f"{node.id}.a"
        return node.id if node.id in self.names else self._choice(node, CONSTANTS)

    def _binary(self, node: ast.BinOp) -> str:
        left, right = self._int(node.left), self._int(node.right)
        if isinstance(node.op, (ast.LShift, ast.RShift)):
            return f"({left} {'<<' if isinstance(node.op, ast.LShift) else '>>'} ({right} & 7))"
        if isinstance(node.op, ast.Mult):
            return f"(({left} & 0xFF) * ({right} & 0xFF))"
        return f"({left} {OPERATORS.get(type(node.op), '+')} {right})"

    def _call(self, node: ast.Call) -> str:
        arguments = [self._byte(each).replace("0x7FFF", "0xFF") for each in node.args[:3]] or ["1"]
        called = [self._choice(node.func, CALLED).format(arguments[0]), *arguments[1:]]
        return called[0] if len(called) == 1 else f"{self._choice(node, ('min', 'max'))}({', '.join(called[:2])})"

    def _cond(self, node: ast.AST) -> str:
        if isinstance(node, ast.BoolOp):
            return f"({(' and ' if isinstance(node.op, ast.And) else ' or ').join(map(self._cond, node.values))})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"not {self._cond(node.operand)}"
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return str(node.value)
        if isinstance(node, ast.Name) and node.id in self.refs:
            return f"{node.id} is not None"
        if isinstance(node, ast.Compare):
            return self._compared(node)
        return f"{self._int(node)} != 0"

    def _compared(self, node: ast.Compare) -> str:
        for name in _compared_with_none(node):
            return f"{name} is {'not ' if isinstance(node.ops[0], ast.IsNot) else ''}None"
        pairs = zip(node.ops, node.comparators, strict=True)
        return self._int(node.left) + "".join(f" {OPERATORS[type(op)]} {self._int(each)}" for op, each in pairs)

    def _is_ref(self, node: ast.expr) -> bool:
        name = node.id if isinstance(node, ast.Name) else ""
        return name in self.refs or (isinstance(node, ast.Constant) and node.value is None)

    def _ref(self, node: ast.expr) -> str:
        """Return a Ref of a node, or None."""
        if isinstance(node, ast.Constant) and node.value is None:
            return "None"
        if isinstance(node, ast.Name) and node.id in self.refs:
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._holder(node.value)}.next"
        return f"self.maybe({self._byte(node)})"

    def _holder(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name) and node.id in self.refs:
            return node.id
        return self._choice(node, ("self.spare", "self.first", "self.nodes[1]", "self.nodes[3]"))

    def _annotation(self, value: ast.expr) -> str:
        return ": Ref[Node]" if isinstance(value, ast.Constant) and value.value is None else ""


def _compared_with_none(node: ast.AST) -> Iterator[str]:
    """Yield the name that a comparison with None is about."""
    match node:
        case ast.Compare(ast.Name(name), [ast.Is() | ast.IsNot()], [ast.Constant(None)]):
            yield name
