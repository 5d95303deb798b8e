"""How notebooks show what is inspected: as HTML, once somebody above has said how; else by its `repr`.

A notebook asks a value for `_repr_html_`, and shows the `repr` where that is None.  What is inspected knows nothing of
cells and colours, so whoever does registers a function a class: `view/html.py`.
"""

from functools import singledispatch
from typing import Any


@singledispatch
def html_of(value: Any) -> str | None:
    """Return a value as HTML, None where nobody has said how."""
    return None


class InNotebooks:
    """What a notebook may show as HTML."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        """Return it as HTML, as notebooks ask for it."""
        return html_of(self)
