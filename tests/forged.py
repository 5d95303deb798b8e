"""Kept files that lie: whatever header and body they have, their digest is right."""

import hashlib
import json
import zlib

from keelback.inspect.kept.form import SIZES


def forged(kind, body, header):
    """Return a file of an unpacked body and a header, in JSON where it is no bytes."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return sealed(kind, header, zlib.compress(body))


def sealed(kind, header, packed):
    """Return a file of a header and a packed body."""
    sizes = SIZES.pack(len(header), len(packed))
    digest = hashlib.sha256(sizes + hashlib.sha256(packed).digest() + header).digest()
    return kind.magic + sizes + digest + header + packed


def parts_of(kind, content):
    """Return what the header of a file says, and its body, unpacked."""
    header, _ = SIZES.unpack_from(content, len(kind.magic))
    return json.loads(content[kind.start : kind.start + header]), zlib.decompress(content[kind.start + header :])
