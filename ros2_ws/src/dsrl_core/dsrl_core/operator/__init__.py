"""What an operator is shown and may press: the same for every tool, without ROS and without a
window."""
