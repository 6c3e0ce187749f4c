"""The command line: `./dsrl COMMAND`."""
