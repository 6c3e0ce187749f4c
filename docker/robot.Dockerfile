# Beside the robot: driver, controller and chunk player, on top of an image that has the driver. Not built yet: see
# README.md, which also tells how the driver's image comes about.
#
#   docker build -f docker/robot.Dockerfile --build-arg DRIVER_IMAGE=franka_driver:3.4.0-crisp1.0.0 -t dsrl_ros:robot .
#
# DRIVER_IMAGE: ROS 2 Jazzy with franka_ros2 and crisp_controllers, built; DRIVER_SETUP: its workspace's setup.bash.
# hadolint ignore=DL3006
ARG DRIVER_IMAGE
FROM ${DRIVER_IMAGE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ARG DRIVER_SETUP=/ros2_ws/install/setup.bash
ENV DSRL_UNDERLAY=${DRIVER_SETUP}
USER 0

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential cmake git python3-colcon-common-extensions python3-setuptools python3-venv \
        ros-jazzy-image-proc ros-jazzy-joint-state-publisher ros-jazzy-joint-trajectory-controller \
        ros-jazzy-realsense2-camera ros-jazzy-robot-state-publisher ros-jazzy-ros2-control ros-jazzy-sros2 \
        ros-jazzy-xacro \
    && rm -rf /var/lib/apt/lists/*

# What it must have, at the versions that the interfaces were read from.
ARG FRANKA_ROS2=3.4.0
RUN . "${DRIVER_SETUP}" \
    && for package in franka_bringup franka_msgs crisp_controllers; do ros2 pkg prefix "${package}"; done \
    && found=$(ros2 pkg xml franka_bringup --tag version | tail -n 1) \
    && if [ "${found}" != "${FRANKA_ROS2}" ]; then \
        echo "franka_ros2 ${found} is in ${DRIVER_SETUP}, expected ${FRANKA_ROS2} (--build-arg FRANKA_ROS2=...)" >&2; exit 1; fi

# realtime: the group that Franka's documentation gives real-time priority to on the host (/etc/security/limits.conf).
ARG DSRL_UID=1000
RUN { userdel --remove ubuntu 2>/dev/null || true; } \
    && groupadd --force realtime \
    && useradd --uid "${DSRL_UID}" --groups realtime,video --create-home --shell /bin/bash dsrl \
    && install -d -o dsrl -g dsrl /dsrl /runs
COPY --chown=dsrl:dsrl . /dsrl
USER ${DSRL_UID}
WORKDIR /dsrl

# Nothing here computes on a GPU.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN . "${DRIVER_SETUP}" && ./dsrl setup --with-ros && rm -rf .venv/cache/pip

ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["/dsrl/docker/entrypoint.sh"]
HEALTHCHECK --interval=10s --timeout=15s --start-period=60s \
    CMD ["/dsrl/docker/entrypoint.sh", "python", "-m", "dsrl_ros.health_check", "controller_manager", "chunk_player"]
CMD ["ros2", "launch", "dsrl_ros", "franka_pick.launch.py", "machine:=robot"]
