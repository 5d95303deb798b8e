"""Entries of DWARF's tree by their tag: those of others, which are most, are passed over without being read.

Source: DWARF version 5, sections 7.5.2 and 7.5.3 (entries and their abbreviations) and 7.5.6 (forms).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

SIZES: Final = {
    "DW_FORM_flag_present": 0, "DW_FORM_implicit_const": 0, "DW_FORM_data1": 1, "DW_FORM_ref1": 1, "DW_FORM_flag": 1,
    "DW_FORM_strx1": 1, "DW_FORM_addrx1": 1, "DW_FORM_data2": 2, "DW_FORM_ref2": 2, "DW_FORM_data4": 4,
    "DW_FORM_ref4": 4, "DW_FORM_data8": 8, "DW_FORM_ref8": 8,
}  # fmt: skip
"""The bytes of an attribute of each form that has always as many."""
OFFSETS: Final = ("DW_FORM_sec_offset", "DW_FORM_strp", "DW_FORM_line_strp", "DW_FORM_ref_addr")
"""Forms with as many bytes as an offset has …"""
NUMBERS: Final = (
    *("DW_FORM_udata", "DW_FORM_sdata", "DW_FORM_addrx", "DW_FORM_strx"),
    *("DW_FORM_loclistx", "DW_FORM_rnglistx"),
)
"""… with a number that ends with a byte below 0x80 …"""
BLOCK: Final = "DW_FORM_exprloc"
"""… and with such a number of bytes behind it."""


@dataclass(frozen=True)
class Shape:
    """How entries of one abbreviation lie: whether they are wanted, and the size or the form of each attribute.

    `steps` is None where an attribute has another form.
    """

    is_wanted: bool
    steps: tuple[int | str, ...] | None


def entries(unit: Any, tags: Collection[str]) -> Iterator[Any]:
    """Yield the entries of a unit with some tags, in order."""
    # Imported here, as where the units come from.
    from elftools.dwarf.die import DIE

    stream = unit.dwarfinfo.debug_info_sec.stream
    data = stream.getvalue()
    shapes: dict[int, Shape] = {}
    at, end = unit.cu_die_offset, unit.cu_offset + unit["unit_length"] + unit.structs.initial_length_field_size()
    while at < end:
        code, behind = _number(data, at)
        if code == 0:
            at = behind
            continue
        if code not in shapes:
            shapes[code] = _shape(unit, code, tags)
        shape = shapes[code]
        if shape.steps is None or shape.is_wanted:
            entry = DIE(unit, stream, at)
            at += entry.size
            if shape.is_wanted:
                yield entry
        else:
            at = _behind(data, behind, shape.steps)


def _shape(unit: Any, code: int, tags: Collection[str]) -> Shape:
    abbreviation = unit.get_abbrev_table().get_abbrev(code)
    sizes = SIZES | {"DW_FORM_addr": unit["address_size"]} | dict.fromkeys(OFFSETS, unit.structs.dwarf_format // 8)
    steps: list[int | str] = []
    for each in abbreviation["attr_spec"]:
        if each.form in sizes:
            steps.append(sizes[each.form])
        elif each.form in (*NUMBERS, BLOCK):
            steps.append(each.form)
        else:
            return Shape(abbreviation["tag"] in tags, None)
    return Shape(abbreviation["tag"] in tags, tuple(steps))


def _behind(data: bytes, at: int, steps: tuple[int | str, ...]) -> int:
    """Return the offset behind the attributes at an offset."""
    for step in steps:
        if isinstance(step, int):
            at += step
        else:
            number, at = _number(data, at)
            at += number if step == BLOCK else 0
    return at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned number that lies at an offset in groups of seven bits, and the offset behind it."""
    number, shift = data[at] & 0x7F, 7
    while data[at] & 0x80:
        at += 1
        number |= (data[at] & 0x7F) << shift
        shift += 7
    return number, at + 1
