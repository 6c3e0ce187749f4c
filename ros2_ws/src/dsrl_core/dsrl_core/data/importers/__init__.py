"""Foreign datasets (LeRobot, robomimic) as labelled episodes, and episodes as such datasets."""
