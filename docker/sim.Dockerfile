# The simulated FR3 and everything that learns from it, on a processor. Not built yet: see README.md.
#
#   docker build -f docker/sim.Dockerfile -t dsrl_ros:sim .
#
# BASE can be pinned to a digest: --build-arg BASE=ros@sha256:...
ARG BASE=ros:jazzy-ros-base-noble
# hadolint ignore=DL3006
FROM ${BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential cmake git libosmesa6 python3-colcon-common-extensions python3-setuptools python3-venv \
        ros-jazzy-control-msgs ros-jazzy-sros2 \
    && rm -rf /var/lib/apt/lists/*

ARG DSRL_UID=1000
RUN { userdel --remove ubuntu 2>/dev/null || true; } \
    && useradd --uid "${DSRL_UID}" --create-home --shell /bin/bash dsrl \
    && install -d -o dsrl -g dsrl /dsrl /runs
COPY --chown=dsrl:dsrl . /dsrl
USER ${DSRL_UID}
WORKDIR /dsrl

# torch for processors; the GPU image takes PyPI's.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN . /opt/ros/jazzy/setup.bash && ./dsrl setup --with-ros && rm -rf .venv/cache/pip

ENV MUJOCO_GL=osmesa PYTHONUNBUFFERED=1
VOLUME /runs
ENTRYPOINT ["/dsrl/docker/entrypoint.sh"]
HEALTHCHECK --interval=30s --timeout=15s --start-period=90s \
    CMD ["/dsrl/docker/entrypoint.sh", "python", "-m", "dsrl_ros.health_check", "franka_sim", "chunk_player", \
         "policy_server", "noise_actor", "learner", "rollout_recorder", "episode_manager"]
CMD ["ros2", "launch", "dsrl_ros", "franka_pick_sim.launch.py", "out:=/runs/sim"]
