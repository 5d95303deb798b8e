"""What is known at the point that is being evaluated, as statements are added and ways part and meet."""

from dataclasses import dataclass, field

from keelback.compiler import ir
from keelback.compiler.evaluate.environment import Environment, Place, joined, place_of

CHANGING = (
    ir.Call,
    ir.StoreElement,
    ir.CopyElements,
    ir.CopyStruct,
    ir.FillBytes,
    ir.FillElements,
    ir.SetText,
    ir.WriteText,
    ir.WriteNumber,
)
"""Statements that may change any field."""
NEITHER: tuple[frozenset[Place], frozenset[Place]] = (frozenset(), frozenset())


@dataclass
class Known:
    """Follows what is known."""

    here: Environment = field(default_factory=Environment)
    reached: bool = True
    """Whether the point at hand can be reached; `here` is what is known there."""
    raised: list[list[Environment]] = field(default_factory=list)
    """For each try at hand with handlers: what is known wherever an error may leave it."""
    ended: list[list[Environment]] = field(default_factory=list)
    """For each try at hand with a finally: what is known wherever anything may leave it."""
    because: dict[str, tuple[frozenset[Place], frozenset[Place]]] = field(default_factory=dict)
    """What is known to be present where the local of a condition is False, and where it is True."""

    def follow(self, statement: ir.Statement) -> None:
        """Take note of what is known after a statement."""
        if isinstance(statement, ir.SetLocal):
            self.here.set_local(statement.name, statement.value)
        elif isinstance(statement, ir.Check):
            self.learn(statement.condition, True)
        elif isinstance(statement, ir.StoreField):
            self.here.store(statement)
        elif isinstance(statement, CHANGING):
            self.here.ram_changed()
        if isinstance(statement, (ir.Call, ir.Raise)):
            self.note(self.raised)
        if isinstance(statement, (ir.Call, ir.Raise, ir.Return, ir.Break, ir.Continue)):
            self.note(self.ended)

    def note(self, kept: list[list[Environment]]) -> None:
        """Keep what is known here."""
        for each in kept:
            each.append(self.here.copy())

    def way(self) -> Environment | None:
        """Return what is known here, None where nothing gets to."""
        return self.here.copy() if self.reached else None

    def go_on(self, *ways: Environment | None) -> None:
        """Go on where several ways meet."""
        found = joined(ways)
        self.reached = found is not None
        self.here = found or Environment()

    def learn(self, condition: ir.Expression, holds: bool) -> None:
        """Take note that a condition was found to hold, or not to."""
        if isinstance(condition, ir.Unary) and condition.operator == "not":
            self.learn(condition.operand, not holds)
        elif isinstance(condition, ir.Local):
            self.here.present |= self.because.get(condition.name, NEITHER)[holds]
        elif isinstance(condition, ir.Binary) and condition.operator in ("and", "or"):
            if (condition.operator == "and") == holds:
                self.learn(condition.left, holds)
                self.learn(condition.right, holds)
        elif isinstance(condition, ir.Binary) and condition.operator == ("!=" if holds else "=="):
            self.learn_present(condition.left, condition.right)

    def learn_present(self, left: ir.Expression, right: ir.Expression) -> None:
        """Take note that two pointers are not the same, of which one may be None itself."""
        for pointer, other in ((left, right), (right, left)):
            if isinstance(other, ir.Constant) and other.value is None and not isinstance(pointer, ir.Constant):
                place = place_of(pointer)
                self.here.present |= {place} if place is not None else set()
