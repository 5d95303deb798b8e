"""From files to memory: the payload, ELF, libraries."""
