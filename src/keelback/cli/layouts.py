"""`keelback layouts`: where everything lies, drawn."""

from collections.abc import Iterable
from dataclasses import asdict

from keelback.cli.json_output import print_json
from keelback.cli.machines import check_start, make_interpreted
from keelback.cli.own_parts import layout_of_word, published
from keelback.cli.running import stoppable
from keelback.image.boot_protocol import SECTOR, SETUP_SIZE
from keelback.image.payload import make_payload
from keelback.inspect.drawing import (
    CORE,
    draw_image_file,
    draw_kernel_region,
    draw_live,
    draw_virtual,
    live_places,
    usable,
    usable_ranges,
)
from keelback.kernel.layout import Layout


def show_layouts(word: str | None, paging: str | None = None, *, as_json: bool = False) -> int:
    """Draw a layout, or all published ones that can have some page tables: the kernel image file, and memory then.

    Raises: UserError.
    """
    chosen = published(paging) if word is None else [layout_of_word(word, paging)]
    if as_json:
        print_json({layout.name: asdict(layout) | {"paging": layout.paging.name} for layout in chosen})
        return 0
    for number, layout in enumerate(chosen):
        print("\n" * (number > 0), end="")
        print(f"The {layout.name} layout, {layout.paging.name} page tables: the kernel image file\n")
        _show(draw_image_file(image_parts(layout)))
        print("\nits kernel region, where virtual addresses are physical ones\n")
        _show(draw_kernel_region(layout))
        print("\nits virtual memory, the same picture in every process\n")
        _show(draw_virtual(layout))
        print(f"\nits parts: {', '.join(layout.parts) or 'none'}")
    return 0


def image_parts(layout: Layout) -> tuple[tuple[str, int], ...]:
    """Return the parts of a layout's kernel image file, each with the offset at which it starts."""
    payload = SETUP_SIZE + layout.records_end - layout.kernel_start
    return ("boot sector", 0), ("setup code", SECTOR), (CORE, SETUP_SIZE), ("payload", payload)


def show_live(layout: str, memory: int, paging: str | None = None, *, as_json: bool = False) -> int:
    """Boot a simulated PC and draw the boundaries that its kernel settled on.  Raises: UserError."""
    where = layout_of_word(layout, paging)
    pc = make_interpreted(where, make_payload({"etc/init": b""}), memory=memory)
    with stoppable(pc):
        pc.bring_up()
    check_start(pc)
    if as_json:
        starts = live_places(pc.kernel)._asdict() | {"top": pc.kernel.memory.bounds.region_top}
        print_json({"layout": where.name, "memory": memory, "starts": starts, "usable": list(usable(pc.kernel))})
        return 0
    print(f"The kernel region of a running machine with {memory // 1024:,} KiB, {where.name} layout\n")
    _show(draw_live(pc.kernel))
    print("\nusable memory\n")
    _show(usable_ranges(pc.kernel))
    return 0


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
