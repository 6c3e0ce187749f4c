"""`python -m dsrl_ros.cli`."""

from dsrl_ros.cli.app import main

main()
