"""Likely copies: submissions whose syntax trees have much in common that is neither the lab's nor the kernel's.

    text ──> tree ──> every part of some size, its own names, constants and texts folded ──> a set of digests

1. What a name is, or a constant, does not matter, nor in which order methods stand; what is asked of the kernel does.
2. What the skeleton has, or the kernel's own bodies, is common ground: nobody has copied that from a fellow student.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple

from keelback.labs.lab import Lab
from keelback.labs.skeleton import skeleton, solution

LEAST_NODES = 8
"""Nodes of a tree's part that tells something."""
LEAST_PARTS = 12
"""Parts that a submission has of its own before anything is said of it."""
ALIKE = 0.7
"""How much two submissions have in common, of all that either has, to be listed."""
SIZE = 8


class Pair(NamedTuple):
    """Two students whose submissions have much in common: `share`, from 0 to 1."""

    one: str
    other: str
    share: float


def likely_copies(lab: Lab, texts: Mapping[str, Sequence[bytes]], *, alike: float = ALIKE) -> list[Pair]:
    """Return the pairs of students whose texts have much in common, those with the most first."""
    ground = parts_of([skeleton(lab).encode()]) | parts_of([solution(lab).encode()])
    own = {student: parts_of(each) - ground for student, each in texts.items()}
    pairs = [Pair(one, other, _share(own[one], own[other])) for one, other in combinations(sorted(own), 2)]
    return sorted((each for each in pairs if each.share >= alike), key=lambda pair: (-pair.share, pair))


def _share(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    if min(len(one), len(other)) < LEAST_PARTS:
        return 0.0
    return len(one & other) / len(one | other)


def parts_of(texts: Sequence[bytes]) -> frozenset[bytes]:
    """Return digests of the parts of files; a file that Python can't read has none."""
    found: set[bytes] = set()
    for text in texts:
        try:
            tree = ast.parse(text)
            found.update(digest for digest, nodes in _Digests(_defined(tree)).of_all(tree) if nodes >= LEAST_NODES)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return frozenset(found)


def _defined(tree: ast.Module) -> frozenset[str]:
    """Return the names of functions and classes that a file has of its own."""
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


class _Digests:
    """Digests of a tree's parts, each made of those inside it."""

    def __init__(self, own: frozenset[str]) -> None:
        self.own = own
        self.found: list[tuple[bytes, int]] = []

    def of_all(self, tree: ast.Module) -> list[tuple[bytes, int]]:
        """Return the digest of each part, and how many nodes it has."""
        self._of(tree)
        return self.found

    def _of(self, node: ast.AST) -> tuple[bytes, int]:
        made, nodes = blake2b(type(node).__name__.encode(), digest_size=SIZE), 1
        if isinstance(node, ast.Attribute):
            made.update(b"" if node.attr in self.own else node.attr.encode())
        for child in _children(node):
            digest, count = self._of(child)
            made.update(digest)
            nodes += count
        found = made.digest(), nodes
        self.found.append(found)
        return found


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside a node but for docstrings, types, and whether a name is read or written."""
    for child in ast.iter_child_nodes(node):
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_text and not isinstance(child, ast.expr_context):
            yield child
