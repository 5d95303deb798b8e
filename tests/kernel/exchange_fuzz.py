"""Random requests of processes that exchange messages, each kernel in its turn: exchange_fuzz.py SECONDS [SEED]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kernel.driven import with_our_areas
from kernel.exchange.model import ExchangeModel
from kernel.modelled import fuzz

if __name__ == "__main__":
    fuzz(ExchangeModel, with_our_areas)
