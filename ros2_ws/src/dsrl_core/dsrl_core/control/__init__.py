"""From action chunks to set-points: kinematics, interpolation, the chunk player and safety."""
