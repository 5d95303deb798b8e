"""`keelback walk`: what an address of a process leads to, level by level."""

from keelback.cli.json_output import print_json
from keelback.cli.options import Target
from keelback.cli.statuses import WELL
from keelback.cli.targets import chosen, looked_at
from keelback.view.page_tale import tale_of_address


def show_walk(pid: int, address: int, target: Target, *, as_json: bool) -> int:
    """Print the walk to an address; return the exit status.  Raises: UserError; as `looked_at`."""
    with looked_at(target) as moment:
        [process] = chosen(moment.snapshot(), pid)
        tale = tale_of_address(process, address)
        if as_json:
            print_json({"pid": pid, "address": address, **tale.as_values()})
            return WELL
        for line in tale.lines():
            print(line)
    return WELL
