"""What a machine keeps besides RAM while it stands at a trap boundary: plain values, by the parts that keep them.

1. Each part names its attributes that may change in a run; all else of it is as it was made.
2. What is kept is a copy: it stays as it is when the machine runs on.
"""

from typing import Any, ClassVar

Values = tuple[Any, ...]


class Kept:
    """A part of a machine whose attributes `KEPT` may change while it runs; subclasses add theirs."""

    KEPT: ClassVar[tuple[str, ...]] = ()

    def kept(self) -> Values:
        """Return copies of the values of `KEPT`."""
        return tuple(_copied(getattr(self, name)) for name in self._names())

    def put_back(self, values: Values) -> None:
        """Make values that `kept` returned the present ones."""
        for name, value in zip(self._names(), values, strict=True):
            setattr(self, name, _copied(value))

    @classmethod
    def _names(cls) -> list[str]:
        return [name for each in cls.__mro__ for name in vars(each).get("KEPT", ())]


def _copied(value: Any) -> Any:
    """Return a value that no one changes: a copy of a container."""
    return value.copy() if isinstance(value, list | dict | set) else value
