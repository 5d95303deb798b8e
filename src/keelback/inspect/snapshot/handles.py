"""Handles, as the kernel's records have them."""

from keelback.abi.handles import HANDLE_RIGHTS
from keelback.kernel.messages.handle_table import Handle as HandleRecord
from keelback.kernel.messages.handle_table import HandleKind


class Handle:
    """What a process may do with an object, by a number."""

    def __init__(self, number: int, record: HandleRecord) -> None:
        self.number = number
        self.record = record
        self.kind = record.kind
        self.object = record.object
        """The endpoint's number; of a handle to reply that of the thread which made the call."""
        self.badge = record.badge

    @property
    def rights(self) -> list[str]:
        """Return its rights by name."""
        names = {bit: name.removeprefix("MAY_").lower() for name, bit, _ in HANDLE_RIGHTS if bit & bit - 1 == 0}
        return [name for bit, name in names.items() if self.record.rights & bit]

    def __repr__(self) -> str:
        if self.kind == HandleKind.REPLY:
            return f"<handle {self.number}: to reply to thread {self.object}>"
        badge = f", badge {self.badge:#x}" if self.badge else ""
        return f"<handle {self.number}: {self.kind.name.lower()} {self.object}, {', '.join(self.rights)}{badge}>"
