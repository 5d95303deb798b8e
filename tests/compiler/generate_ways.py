# ruff: noqa: E501
"""Statements of random programs whose names get their values in several ways: branches, loops, errors, tuples, None."""

import random
from typing import Any

from keelback.compiler.intervals import Interval

GLOBALS = {"alpha": 11, "beta": 250, "gamma": 0x1_0000_0001}
"""Constants of the module; a function may have a local with one's name."""
HEAD = """

class Part(Component):
    def __init__(self, node: Node, step: int) -> None:
        self.node = node
        self.step = step

    def scaled(self, n: u8) -> u32:
        return n * self.step + self.node.a


alpha, beta, gamma = 11, 250, 0x1_0000_0001
"""
ATTRIBUTES = """\
        self.parts = (Part(self.nodes[0], 1), Part(self.nodes[3], 2), Part(self.spare, 7))
        self.words = ("zero", "one", "two", "three")
        self.nested = ((1, ("a", self.nodes[1])), (4, ("bc", self.nodes[2])))
"""
STEPS = Interval(1, 7)


class Ways:
    """Writes such statements; the rest of a unit is in `generate`."""

    random: random.Random
    scope: Any
    result: str
    shadowing: list[str]
    visible: list[str]

    def names_of_function(self) -> None:
        """Decide which globals the function that starts has locals for, and which it sees."""
        self.shadowing = [each for each in GLOBALS if self.random.random() < 0.4]
        self.visible = [each for each in GLOBALS if each not in self.shadowing]

    def new_or_shadowing(self, unit: Any, stem: str) -> str:
        return self.shadowing.pop() if self.shadowing and unit.some(0.3) else str(unit.new(stem))

    def end(self, unit: Any, indent: int) -> str:
        """Return what leaves a branch for good, or nothing where that is not possible."""
        if self.scope.ending:
            return ""
        ends = ["raise Low", f"return{' ' + unit.returned(1) if self.result else ''}"]
        return self.random.choice(ends + ["break", "continue"] * (self.scope.loops > self.scope.outside))

    def split(self, indent: int, size: int) -> None:
        """A name that every branch binds, or leaves."""
        unit: Any = self
        name, bounds = self.new_or_shadowing(unit, "x"), []
        for head in (f"if {unit.boolean(2)}:", f"elif {unit.boolean(1)}:", "else:")[unit.some(0.5) :]:
            unit.write(indent, head if bounds or head[0] == "i" else "if" + head[4:])
            end = self.end(unit, indent) if bounds and unit.some(0.3) else ""
            unit.block(indent + 1, size - 1)
            text, found = unit.integer(2)
            unit.write(indent + 1, end or f"{name} = {text}")
            bounds += [] if end else [found]
        self.scope.integers[name] = Interval(min(each.low for each in bounds), max(each.high for each in bounds))

    def caught(self, indent: int, size: int) -> None:
        """A name that a try binds, and each of its handlers."""
        unit: Any = self
        if self.scope.ending:
            return self.split(indent, size)
        name = self.new_or_shadowing(unit, "x")
        text, bounds = unit.integer(2)
        other, more = unit.integer(2)
        unit.write(indent, "try:")
        unit.write(indent + 1, f"if {unit.boolean(1)}: raise {self.random.choice(['Low', 'Lower', 'High'])}")
        late = unit.some(0.4)
        unit.write(indent + 1, "self.state.u8 = 1" if late else f"{name} = {text}")
        unit.write(indent, "except KernelError as error:" if unit.some(0.5) else "except KernelError:")
        end = self.end(unit, indent)
        unit.write(indent + 1, end if end and unit.some(0.3) else f"{name} = {other}")
        if late:
            unit.write(indent, "else:")
            unit.write(indent + 1, f"{name} = {text}")
        self.scope.integers[name] = bounds.join(more)

    def surely(self, indent: int, size: int) -> None:
        """Names that a loop binds which has a round for sure."""
        unit: Any = self
        counter, name = unit.new("i"), self.new_or_shadowing(unit, "x")
        source = self.random.choice(["range(3)", "range(1, 4)", "(1, 2, 3)", "self.state.bytes", "reversed((1, 2, 3))"])
        bounds = Interval(0, 255)
        unit.write(indent, f"for {counter} in {source}:")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.integers[counter] = bounds
        self.scope.fixed |= {counter, name}
        self.scope.loops += 1
        text, found = unit.integer(2)
        unit.write(indent + 1, f"{name} = {text}")
        self.scope.integers[name] = found
        unit.block(indent + 1, size - 1, ends=unit.some(0.3))
        self.scope = outer
        self.scope.integers |= {counter: bounds, name: found}

    def over_parts(self, indent: int, size: int) -> None:
        """A loop over components: what is kept from a round, or which was the last."""
        unit: Any = self
        part, kept, node = unit.new("part"), unit.new("x"), unit.new("node")
        unit.write(indent, f"for {part} in {self.random.choice(['self.parts', 'reversed(self.parts)'])}:")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.integers[f"{part}.step"] = STEPS
        self.scope.fixed.add(f"{part}.step")
        self.scope.nodes.append(f"{part}.node")
        self.scope.loops += 1
        to_the_end = unit.some(0.5)
        self.scope.outside = max(self.scope.outside, self.scope.loops if to_the_end else 0)
        unit.write(indent + 1, f"{kept} = {part}.step")
        unit.write(indent + 1, f"{node} = {part}.node")
        unit.block(indent + 1, 1, ends=unit.some(0.3))
        self.scope = outer
        self.scope.integers[kept] = STEPS
        self.scope.nodes.append(node)
        if to_the_end:
            unit.write(indent, f"self.state.u64 = {part}.scaled({unit.fitting('u8', 1)}) + {part}.step")

    def over_words(self, indent: int, size: int) -> None:
        """A text that is kept from a round."""
        unit: Any = self
        index, word, kept = unit.new("i"), unit.new("word"), unit.new("kept")
        unit.write(indent, f'{kept} = "none"')
        unit.write(indent, f"for {index}, {word} in enumerate(self.words):")
        unit.write(indent + 1, f"if {unit.boolean(1)}: {kept} = {word}")
        leave = "pass" if self.scope.ending else self.random.choice(["break", "continue"])
        unit.write(indent + 1, f"if {index} == {unit.integer(1)[0]}: {leave}")
        unit.write(indent, f"self.log.write({kept})")
        unit.write(indent, f'self.log.write(f"{{{word}}}{{{index}}}")')
        self.scope.integers[index] = Interval(0, 3)

    def nested_tuple(self, indent: int, size: int) -> None:
        """Tuples in tuples, as a target."""
        unit: Any = self
        names = [unit.new("x") for _ in range(3)]
        if unit.some(0.3):
            word, node = unit.new("word"), unit.new("node")
            static = unit.some(0.5)
            head = f"{names[0]}, ({word}, {node})"
            unit.write(indent, f"{head} = self.nested[1]" if static else f"for {head} in self.nested:")
            unit.write(indent + (not static), f"self.log.write({word})")
            unit.write(indent + (not static), f"{node}.c = {unit.fitting('u32', 1)}")
            self.scope.integers[names[0]] = Interval(1, 4)
            self.scope.nodes.append(node)
            return
        values = [unit.integer(2) for _ in names]
        target, kind = unit.place()
        texts = [text for text, _ in values]
        unit.write(
            indent,
            f"({names[0]}, ({target}, {names[1]})), {names[2]} = ({texts[0]}, ({unit.fitting(kind, 1)}, {texts[1]})), {texts[2]}",
        )
        self.scope.integers |= {name: bounds for name, (_, bounds) in zip(names, values, strict=True)}

    def maybe_none(self) -> str:
        unit: Any = self
        return self.random.choice(["self.state.first", unit.node(1) + ".next", unit.node(0) + ".next"])

    def unchecked(self, indent: int, size: int) -> None:
        """What may be None is followed, sometimes by a method."""
        unit: Any = self
        followed = self.maybe_none()
        if unit.some(0.4):
            name = unit.new("near")
            unit.write(indent, f"{name} = {followed}")
            followed = name
        form = self.random.randrange(3)
        if form == 0:
            unit.write(indent, f"self.state.i64 = {followed}.c")
        elif form == 1:
            unit.write(indent, f"{followed}.a = {unit.fitting('u8', 1)}")
        else:
            unit.write(indent, f"self.state.u64 = {followed}.bump({unit.fitting('u8', 1)})")

    def guarded(self, indent: int, size: int) -> None:
        """What may be None is a struct after one way or another."""
        unit: Any = self
        name = unit.new("near")
        unit.write(indent, f"{name} = {self.maybe_none()}")
        form = self.random.randrange(4)
        end = self.end(unit, indent)
        if form == 0:
            unit.write(indent, f"assert {name} is not None")
        elif form == 1 and end:
            unit.write(indent, f"if {name} is None or {unit.boolean(1)}: {end}")
        elif form == 2:
            unit.write(
                indent, f"if not ({name} is not None and {name}.a < {unit.integer(1)[0]}): {name} = {unit.node(1)}"
            )
        else:
            unit.write(indent, f"if {name} is None: {name} = {unit.node(1)}")
        self.scope.nodes.append(name)

    def walk(self, indent: int, size: int) -> None:
        """A chain of Refs is followed to its end."""
        unit: Any = self
        name, count = unit.new("near"), unit.new("w")
        unit.write(indent, f"{count}: u8 = 0")
        unit.write(indent, f"{name} = {self.maybe_none()}")
        more = [f"{count} < 4", f"{name} is not None"]
        self.random.shuffle(more)
        unit.write(indent, f"while {more[0]} and {more[1]}:")
        unit.write(indent + 1, f"{count} += 1")
        unit.write(indent + 1, f"{name}.a = {count}")
        unit.write(indent + 1, f"{name} = {name}.next")
        self.scope.integers[count] = Interval(0, 255)
        self.scope.fixed.add(count)
