"""A simulated FR3 in MuJoCo: its world, looks and scripted expert. ROS faces stand in `nodes`."""
