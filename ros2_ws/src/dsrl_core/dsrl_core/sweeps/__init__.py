"""Many runs of one kind: seeds, tasks and settings, on this machine or on several."""
