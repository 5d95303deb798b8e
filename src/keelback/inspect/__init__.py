"""Reads any machine's RAM: the lens, census, invariants, drawings, and how processes ended."""
