"""Random requests of processes against the model, each kernel in its turn: memory_fuzz.py SECONDS [SEED]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kernel.memory_model import limited
from kernel.modelled import fuzz
from kernel.object_model import ObjectModel

if __name__ == "__main__":
    fuzz(ObjectModel, limited)
