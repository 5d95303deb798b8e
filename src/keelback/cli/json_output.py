"""JSON as every command prints it."""

import json
import sys
from typing import Any


def print_json(facts: Any) -> None:
    """Print facts for machines, on standard output."""
    json.dump(facts, sys.stdout, indent=2)
    print()
