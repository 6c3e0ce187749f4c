"""What `./dsrl preflight` does beside the measurements: simulated trials, and its table."""
