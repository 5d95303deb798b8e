"""Enums whose members have a text: number and words of a fact in one line."""

from enum import IntEnum
from typing import Self


class TextEnum(IntEnum):
    """Members are declared `NAME = number, "text"`, numbered from 0 on; `texts` has the texts by number."""

    text: str

    def __new__(cls, number: int, text: str) -> Self:
        """Make a member.  Raises: ValueError when its number is not the next, or its text not ASCII."""
        if number != len(cls.__members__) or not text.isascii():
            raise ValueError(f"{cls.__name__}: {number}, {text!r} is not member {len(cls.__members__)}, in ASCII")
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        return member


def texts(enum: type[TextEnum]) -> tuple[str, ...]:
    """Return the texts of an enum, by its members' numbers, as a static tuple."""
    return tuple(member.text for member in enum)
