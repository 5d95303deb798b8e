"""Pictures that commands write: which scenes they show, and the files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keelback.cli.options import Picture
from keelback.errors import UserError
from keelback.image.written_files import check_place, write_file
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.view.cells import PAGE, Spot
from keelback.view.changes import Changes
from keelback.view.page_tale import tale_of_address
from keelback.view.png import png_of
from keelback.view.scene import scene_of
from keelback.view.svg import CELLS_OF_TWO, picture, picture_of_page, picture_of_two


@dataclass(frozen=True)
class State:
    """A machine that stands still, and what to call it."""

    snapshot: Snapshot
    title: str


def check_pictures(wanted: Picture) -> None:
    """Check that pictures can be written, before a machine runs for them.  Raises: UserError."""
    files = [Path(each) for each in (wanted.svg, wanted.png) if each is not None]
    for each in files:
        check_place(each)
    if len({os.path.realpath(each) for each in files}) < len(files):
        raise UserError(f"--svg and --png: both name {files[0]}; a file is one picture")


def draw_state(wanted: Picture, state: State, pids: Sequence[int], told: tuple[Process, int] | None = None) -> None:
    """Write pictures of a state, with the tale of an address of a process if one is to be told.  Raises: UserError."""
    scene = scene_of(state.snapshot, state.title, pids)
    if told is None:
        _write(wanted, lambda ground: picture(scene, ground))
        return
    process, address = told
    tale, spots = tale_of_address(process, address), spots_of(process, address)
    _write(wanted, lambda ground: picture_of_page(scene, tale, spots, ground))


def draw_change(wanted: Picture, before: State, after: State, pids: Sequence[int], changes: Changes) -> None:
    """Write pictures of two states side by side, with what has changed from one to the other.  Raises: UserError."""
    kept, row = [pid for pid in pids if pid in before.snapshot.spaces], CELLS_OF_TWO
    first = scene_of(before.snapshot, before.title, kept, frames_a_row=row, pages_a_row=row)
    second = scene_of(after.snapshot, after.title, pids, frames_a_row=row, pages_a_row=row, changes=changes)
    _write(wanted, lambda ground: picture_of_two(first, second, ground))


def spots_of(process: Process, address: int) -> list[Spot]:
    """Return a page, the frame that it shows, and the other pages that do; the page alone where it shows none."""
    page = Spot(process.pid, address & -PAGE)
    mapping = process.walk(address).mapping
    if mapping is None:
        return [page]
    others = process.snapshot.mappings.get(mapping.frame, ())
    spots = [Spot(space.pid, each.page) for space, each in others if space.pid]
    return [page, Spot(0, mapping.frame * PAGE), *(each for each in spots if each != page)]


def _write(wanted: Picture, draw: Callable[[str], str]) -> None:
    """Write the files that are wanted.  Raises: UserError."""
    if wanted.svg is not None:
        write_file(Path(wanted.svg), draw(wanted.ground).encode())
    if wanted.png is not None:
        write_file(Path(wanted.png), png_of(draw("light" if wanted.ground == "auto" else wanted.ground)))
