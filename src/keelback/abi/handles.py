"""Handles: what a process may name, with which rights, and what comes through an endpoint."""

SEND = 1
RECEIVE = 2
MAP = 4
GRANT = 8
DESTROY = 16
CHANGE = 32
ALL = SEND | RECEIVE | MAP | GRANT | DESTROY | CHANGE

HANDLE_RIGHTS = (
    ("MAY_SEND", SEND, "send, call and signal"),
    (
        "MAY_RECEIVE",
        RECEIVE,
        "receive, and choose the badges of new handles; wait for the end of what it names; drive its device",
    ),
    ("MAY_MAP", MAP, "map its pages"),
    ("MAY_GRANT", GRANT, "give it to others"),
    ("MAY_DESTROY", DESTROY, "end what it names, for all"),
    ("MAY_CHANGE", CHANGE, "map its pages so that they can be written; write to its device"),
    ("ALL_RIGHTS", ALL, ""),
)
"""What programs call the rights of a handle: name, number, remark."""

NAMES = 1
"""The handle that all have: of the endpoint where names are asked for; the number of that endpoint, too."""
MOST_HANDLES = 1_024
"""How many handles a process may have, numbered from 1 on; 0 is none."""
MOST_DATA = 4_096
"""The most bytes that one message copies."""
MOST_PAGES = 1_024
"""The most pages that one message moves."""
MOST_DEADLINE = 0x7FFF_FFFF
FOR_EVER = 0
"""The deadline of a message that has none …"""
NO_WAIT = 0xFFFF_FFFF
"""… and of one that is sent or received at once or not at all."""
NOTIFIED = 1 << 16
"""What `receive` returns when bits came instead of a message; other results are below."""
UNHEARD = 1
"""What `reply` returns when the answer reached nobody."""
REPLY_SHIFT = 16
"""`reply_receive` has the handle to reply to from this bit on, above the endpoint's."""
WITH_RECORD = 1 << 31
"""Marks the handle of a call that names a record, by its address in edx."""
CAME_SHIFT = 16
"""What tells how many bytes came has the number of the handle that came from this bit on, 0 where none did …"""
PAGES_CAME = 1 << 15
"""… and this bit where pages came: the record then says where, and how many."""
