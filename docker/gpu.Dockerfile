# Policy server, noise actor, learner, recorder and episode manager, with CUDA. Not built yet: see README.md.
#
#   docker build -f docker/gpu.Dockerfile -t dsrl_ros:gpu .
#
# CUDA's libraries come with torch's wheels; the host brings the driver and nvidia-container-toolkit.
# BASE can be pinned to a digest: --build-arg BASE=ros@sha256:...
ARG BASE=ros:jazzy-ros-base-noble
# hadolint ignore=DL3006
FROM ${BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential cmake git python3-colcon-common-extensions python3-setuptools python3-venv \
        ros-jazzy-control-msgs ros-jazzy-image-proc ros-jazzy-realsense2-camera ros-jazzy-sros2 \
    && rm -rf /var/lib/apt/lists/*

ARG DSRL_UID=1000
RUN { userdel --remove ubuntu 2>/dev/null || true; } \
    && useradd --uid "${DSRL_UID}" --groups video --create-home --shell /bin/bash dsrl \
    && install -d -o dsrl -g dsrl /dsrl /runs
COPY --chown=dsrl:dsrl . /dsrl
USER ${DSRL_UID}
WORKDIR /dsrl
RUN . /opt/ros/jazzy/setup.bash && ./dsrl setup --with-ros && rm -rf .venv/cache/pip

ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility PYTHONUNBUFFERED=1
VOLUME /runs
ENTRYPOINT ["/dsrl/docker/entrypoint.sh"]
HEALTHCHECK --interval=30s --timeout=15s --start-period=90s \
    CMD ["/dsrl/docker/entrypoint.sh", "python", "-m", "dsrl_ros.health_check", "policy_server", "noise_actor", \
         "learner", "rollout_recorder", "episode_manager"]
CMD ["ros2", "launch", "dsrl_ros", "franka_pick.launch.py", "machine:=gpu", "out:=/runs/robot"]
