"""The process that compiles a kernel to be compiled again: python -m keelback.image.base, and its layout.

A process of its own, for whoever wants it may have a user's parts in place of the kernel's own.
"""

import pickle
import sys

from keelback.image.kernels import built_base

if __name__ == "__main__":
    sys.stdout.buffer.write(built_base(pickle.loads(bytes.fromhex(sys.argv[1]))))
