"""Foreign checkpoints that are pickles, made into safetensors once, in isolation."""
