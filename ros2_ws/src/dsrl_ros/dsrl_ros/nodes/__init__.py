"""Nodes of the graph, one per file: convert, call the core, convert, publish."""
