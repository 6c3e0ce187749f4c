"""Examines a machine, a robot and what runs on the graph before a run, and explains what it finds.

One file per group of checks. In each, functions that judge take texts and values, so that tests
need no hardware; `probes` reads what they judge from the machine and the graph.
"""
