"""Statistics, summaries, pictures and reports of runs; nothing here runs a robot."""
