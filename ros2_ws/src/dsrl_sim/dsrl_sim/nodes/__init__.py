"""Nodes of the simulation, one per file."""
