"""`keelback story`: the five steps of user-mode paging, from the running kernel."""

from rich.console import Console
from rich.text import Text

from keelback.cli.ending import fail
from keelback.cli.images import build_image_of, check_memory
from keelback.cli.json_output import print_json
from keelback.cli.machines import check_start, make_compiled, make_interpreted
from keelback.cli.needs import with_needs
from keelback.cli.ours import build_c, build_ours
from keelback.cli.own_parts import layout_of_word
from keelback.cli.programs import Selection
from keelback.cli.running import stoppable
from keelback.cli.sources import our_libraries
from keelback.cli.statuses import BADLY, WELL
from keelback.image.toolchain import TARGETS
from keelback.inspect.address_tables import Row
from keelback.inspect.endings import endings
from keelback.inspect.lens import look
from keelback.inspect.story import Step, Story
from keelback.kernel.layout import USERMODE, Layout
from keelback.machine.observed import Observed, observe
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.qemu.qemu import find_qemu
from keelback.user import STORY


def tell_on_simulated_pc(*, compiled: bool, memory: int, as_json: bool, paging: str | None = None) -> int:
    """Tell the story on the simulated PC; return the exit status.  Raises: UserError."""
    layout = layout_of_word(USERMODE.name, paging)
    selection = _selection(layout)
    make_pc = make_compiled if compiled else make_interpreted
    return _tell(make_pc(layout, selection.payload(), memory=memory), selection, as_json)


def tell_on_qemu(*, memory: int, as_json: bool, paging: str | None = None) -> int:
    """Tell the story on QEMU; return the exit status.  Raises: UserError."""
    find_qemu()
    layout = layout_of_word(USERMODE.name, paging)
    selection = _selection(layout)
    image = build_image_of(selection.payload(), layout)
    check_memory(image, layout, memory)
    with ObservedQemu(image, memory=memory) as machine:
        return _tell(machine, selection, as_json)


def _selection(layout: Layout) -> Selection:
    """Return the story's two programs, of which the first starts the second, and the library that they name."""
    sources = {path.stem: path for path in sorted(STORY.glob("*.c"))}
    libraries = with_needs(sources, sources | our_libraries()) - sources.keys()
    base, target = layout.image_base, TARGETS[layout.paging.word_bits]
    return Selection(build_c(sources, base, target) | build_ours(libraries, base, target), lines=["proc1"])


def _tell(machine: Observed, selection: Selection, as_json: bool) -> int:
    """Run a machine to its end and print the story; return the exit status.  Raises: UserError."""
    kernel = look(machine.layout, machine.contents)
    story = Story(kernel)
    with stoppable(machine):
        observe(machine, at_booted=story.look, at_begun=story.look, after_trap=story.look)
    check_start(machine)
    print_steps(story.steps, as_json)
    ended = list(endings(kernel, selection.files))
    if not story.is_told or not all(each.well for each in ended):
        return fail(f"the story ended after step {len(story.steps)}: {_last_words(machine)}", BADLY)
    return WELL


def _last_words(machine: Observed) -> str:
    """Return what the kernel, or a program that gave up, said last on the console."""
    lines = bytes(machine.console).decode(errors="replace").splitlines()
    said = [line for line in lines if line.startswith(("keelback: ", "panic: "))]
    return said[-1].removeprefix("keelback: ") if len(said) > 1 else "a program ended badly"


def print_steps(steps: list[Step], as_json: bool) -> None:
    """Print the steps, as JSON or for a person: a row that was not in the table before has a `+`."""
    if as_json:
        print_json({"layout": USERMODE.name, "steps": [step.facts() for step in steps]})
        return
    console = Console(highlight=False, soft_wrap=True)
    before: dict[str, list[Row]] = {}
    for number, step in enumerate(steps, 1):
        console.print(Text(f"{number}) {step.title}:", style="bold"))
        for line in step.said:
            console.print(f"   {line}")
        for name, whose, rows in (("PHYS", "", step.physical), ("VIRT", step.whose, step.virtual)):
            console.print(f"\n   {name}:")
            seen = before.setdefault(f"{name} {whose}", rows)
            for row in rows:
                is_new = row not in seen
                console.print(Text(f" {'+' if is_new else ' '} {row}", style="green" if is_new else ""))
            before[f"{name} {whose}"] = rows
        if number < len(steps):
            console.print()
