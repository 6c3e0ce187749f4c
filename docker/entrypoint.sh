#!/usr/bin/env bash
# Runs a command in the image's environment: ROS, the driver's workspace where there is one, then ours.
set -e
# shellcheck source=/dev/null
. "${DSRL_UNDERLAY:-/opt/ros/jazzy/setup.bash}"
environment=$(/dsrl/dsrl env)
eval "$environment"
exec "$@"
