"""`keelback diff`: how two saved machines differ, in the kernel's terms."""

from contextlib import ExitStack

from keelback.cli.json_output import print_json
from keelback.cli.statuses import BADLY, WELL
from keelback.cli.targets import DAMAGE, not_whole
from keelback.errors import UserError
from keelback.inspect.differences import Differences
from keelback.machine.attach import attach


def tell_differences(one: str, other: str, *, as_json: bool) -> int:
    """Print each difference of two saved machines; return the exit status.  Raises: UserError."""
    with ExitStack() as opened:
        moments = [opened.enter_context(attach(f"file:{each}")) for each in (one, other)]
        layouts = [f"{each.layout.name} with {each.layout.paging.name} page tables" for each in moments]
        if layouts[0] != layouts[1]:
            raise UserError(f"{one} is of {layouts[0]}, {other} of {layouts[1]}; only alike machines can be told apart")
        sizes = [len(each.contents) for each in moments]
        if sizes[0] != sizes[1]:
            raise UserError(
                f"{one} has {sizes[0]:,} bytes of memory, {other} {sizes[1]:,}; only alike machines can be told apart"
            )
        try:
            found = list(Differences(moments[0].snapshot(), moments[1].snapshot()).all())
        except DAMAGE as error:
            raise not_whole(f"{one} or {other}", error) from error
    if as_json:
        print_json({"differences": [each._asdict() for each in found]})
    else:
        print("\n".join(map(str, found)) or "equal")
    return BADLY if found else WELL
