"""Source places of code: from the debug information of an ELF file.

A row of DWARF's line table says which line an address belongs to; the tree of inlined functions says at which line of
which caller that line was put in.  Together they make a chain of places for every address, the innermost first.

Source: DWARF version 5, sections 3.3.8 (inlined functions) and 6.2 (line table).
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any, NamedTuple

from keelback.inspect.dwarf_entries import entries

FUNCTIONS = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
LEFT_OUT = 0
"""Where code lies that the linker has left out, by the debug information of what is there."""


class SourcePlace(NamedTuple):
    """A line of a function, 0 where the code is of several or none; `caller` is the place that it was inlined at."""

    file: str
    function: str
    line: int
    caller: "SourcePlace | None" = None


@dataclass(frozen=True)
class Scope:
    """The code [start, end) of a function, inlined at a line of a file of the scope around it, or not (line 0)."""

    start: int
    end: int
    function: str
    file: str = ""
    line: int = 0


def source_places(elf: bytes, *, made_up: str = ".c") -> list[tuple[int, SourcePlace | None]]:
    """Return where in an ELF file's code each place starts, lowest address first.

    Lines of files whose names end in `made_up` are left out: in a kernel, those that the compiler made up itself.
    """
    from elftools.elf.elffile import ELFFile

    found: list[tuple[int, SourcePlace | None]] = []
    dwarf = ELFFile(BytesIO(elf)).get_dwarf_info()
    for unit in dwarf.iter_CUs():
        lines = dwarf.line_program_for_CU(unit)
        if lines is not None:
            names = _file_names(lines)
            found += _places(list(_rows(lines, names)), _Scopes(list(_scopes(dwarf, unit, names))), made_up)
    return _merged(sorted(found, key=lambda each: (each[0], each[1] is not None)))


def _merged(places: list[tuple[int, SourcePlace | None]]) -> list[tuple[int, SourcePlace | None]]:
    """Leave out what does not differ from the place before; of several at one address, the last counts."""
    kept: list[tuple[int, SourcePlace | None]] = []
    for address, place in dict(places).items():
        if not kept or kept[-1][1] != place:
            kept.append((address, place))
    return kept


def _file_names(lines: Any) -> list[str]:
    """Return the names of the files that a line table numbers: ours from the package on, others with one directory."""
    version = lines.header["version"]
    names = [_short_name(entry.name.decode()) for entry in lines.header["file_entry"]]
    return names if version >= 5 else ["", *names]


def _short_name(path: str) -> str:
    _, is_ours, rest = path.rpartition("keelback/")
    return rest if is_ours else "/".join(path.split("/")[-2:])


def _rows(lines: Any, names: list[str]) -> Iterator[tuple[int, str, int]]:
    """Yield each row of a line table: address, file, line; no file where a sequence ends."""
    sequence: list[tuple[int, str, int]] = []
    for entry in lines.get_entries():
        if entry.state is not None:
            state = entry.state
            sequence.append((state.address, "" if state.end_sequence else names[state.file], state.line))
            if state.end_sequence:
                yield from sequence if sequence[0][0] != LEFT_OUT else ()
                sequence = []


def _scopes(dwarf: Any, unit: Any, names: list[str]) -> Iterator[Scope]:
    """Yield the functions of a unit and what was inlined into them, outer ones first."""
    ranges = dwarf.range_lists()
    for entry in entries(unit, FUNCTIONS):
        call = entry.attributes.get("DW_AT_call_line")
        file = entry.attributes.get("DW_AT_call_file")
        for start, end in _extents(entry, unit, ranges):
            if start != LEFT_OUT:
                yield Scope(start, end, _name(entry), names[file.value] if file else "", call.value if call else 0)


def _extents(entry: Any, unit: Any, ranges: Any) -> Iterator[tuple[int, int]]:
    """Yield the ranges of addresses of an entry; none for a declaration."""
    attributes = entry.attributes
    if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
        start, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        yield start, high.value if high.form == "DW_FORM_addr" else start + high.value
    elif "DW_AT_ranges" in attributes:
        base = unit.get_top_DIE().attributes["DW_AT_low_pc"].value
        for each in ranges.get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=unit):
            if hasattr(each, "base_address"):
                base = each.base_address
            else:
                offset = 0 if each.is_absolute else base
                yield each.begin_offset + offset, each.end_offset + offset


def _name(entry: Any) -> str:
    """Return the name of a function, which an inlined one has in the function itself."""
    while "DW_AT_name" not in entry.attributes:
        if "DW_AT_abstract_origin" not in entry.attributes:
            return "?"
        entry = entry.get_DIE_from_attribute("DW_AT_abstract_origin")
    return str(entry.attributes["DW_AT_name"].value.decode())


class _Scopes:
    """Scopes by address."""

    def __init__(self, scopes: list[Scope]) -> None:
        self.edges = sorted({edge for scope in scopes for edge in (scope.start, scope.end)})
        self._inside: list[list[Scope]] = [[] for _ in self.edges]
        for scope in scopes:
            for index in range(bisect_right(self.edges, scope.start) - 1, bisect_right(self.edges, scope.end - 1)):
                self._inside[index].append(scope)

    def around(self, address: int) -> list[Scope]:
        """Return the scopes around an address, the outermost first."""
        index = bisect_right(self.edges, address) - 1
        return self._inside[index] if index >= 0 else []


def _places(
    rows: list[tuple[int, str, int]], scopes: _Scopes, made_up: str
) -> Iterator[tuple[int, SourcePlace | None]]:
    """Yield where each place of a unit starts: at rows of the line table, and where scopes begin or end."""
    rows.sort(key=lambda row: (row[0], row[1] != ""))  # one sequence may start where another ends
    starts = [row[0] for row in rows]
    inside = [edge for edge in scopes.edges if starts and starts[0] <= edge < starts[-1]]
    for address in sorted({*starts, *inside}):
        _, file, line = rows[bisect_right(starts, address) - 1]
        around = scopes.around(address)
        known = file.endswith(".S") or (file and around)  # what lies between functions is filling
        yield address, (_place(file, line, around, made_up) if known else None)


def _place(file: str, line: int, around: list[Scope], made_up: str) -> SourcePlace | None:
    """Return the place of a line in a chain of scopes, but for what was made up."""
    place: SourcePlace | None = None
    for outer, inner in pairwise(around):
        place = _called(place, inner.file, outer.function, inner.line, made_up)
    return _called(place, file, around[-1].function if around else "entry code", line, made_up)


def _called(caller: SourcePlace | None, file: str, function: str, line: int, made_up: str) -> SourcePlace | None:
    return caller if file.endswith(made_up) else SourcePlace(file, function, line, caller)
