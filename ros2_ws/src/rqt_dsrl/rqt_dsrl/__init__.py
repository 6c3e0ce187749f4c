"""The operator's window: the widget knows no ROS, the plugin no layout."""
