"""Mistakes in a command."""


class CommandError(Exception):
    """The command asks for something that can't be done; the message is one clear line, or a compiler's."""
