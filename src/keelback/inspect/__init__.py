"""Reads any machine's RAM: the lens, the page walk, census, invariants, drawings, and how processes ended."""
