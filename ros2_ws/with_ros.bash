# Set-up on top of a sourced ROS 2 Jazzy instead of its wheels: `./dsrl setup --with-ros`. Sourced by ./dsrl, some of
# whose functions take another form then. Written for Ubuntu 24.04.
# shellcheck shell=bash disable=SC2034,SC2153,SC2329 # variables and callers are in ./dsrl

MARK=$VENV/with_ros
ASKED_FOR_ROS=0

with_ros() { [[ -f $MARK ]] || ((ASKED_FOR_ROS)); }

# One checkout, one ROS: what is built for one does not load into the other.
choose_ros() { # what dsrl was called with
    if [[ "${1-} ${2-}" == "setup --with-ros" ]] && ! with_ros; then
        if [[ -f $VENV/stamp ]]; then
            fail "this checkout is set up with ROS 2 from wheels, and is used for one of both. Take another checkout for" \
                "--with-ros, or remove what is here: rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log"
        fi
        ASKED_FOR_ROS=1
    fi
    if with_ros; then
        require_ros
        use_sourced_ros
    fi
}

require_ros() {
    if [[ -z ${AMENT_PREFIX_PATH-} ]]; then
        fail "no ROS is sourced in this shell, and this set-up is on top of one. First: source /opt/ros/jazzy/setup.bash" \
            "(or the setup.bash of a workspace on top of it, such as franka_ros2's)"
    fi
    [[ ${ROS_DISTRO-} == jazzy ]] || fail "ROS 2 '${ROS_DISTRO-}' is sourced, expected jazzy"
}

use_sourced_ros() {
    # What is sourced below this workspace: another franka_msgs there, and the workspace is built again.
    underlay() { tr ':' '\n' <<<"$AMENT_PREFIX_PATH" | grep -vF "$WORKSPACE/install" || true; }

    venv_key() {
        { echo "$RECIPE with-ros $ROOT"; readlink -f "$VENV/bin/python"; cat "$ROOT"/{requirements.lock,docker/requirements.txt}; } |
            sha256sum
    }

    check_machine() {
        local missing=() packages=() version
        need() { missing+=("$1"); packages+=("$2"); }
        PYTHON=${DSRL_PYTHON:-python3}
        if ! "$PYTHON" -c 'import rclpy' 2>/dev/null; then
            fail "$(command -v "$PYTHON" || echo "$PYTHON") cannot import the sourced ROS's rclpy: leave other Python" \
                "environments (deactivate), or name ROS's own: DSRL_PYTHON=/usr/bin/python3"
        fi
        version=$("$PYTHON" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || need "Python's venv module" "$version-venv"
        "$PYTHON" -c 'import colcon_core, colcon_ros' 2>/dev/null || need "colcon" python3-colcon-common-extensions
        "$PYTHON" -c 'import setuptools' 2>/dev/null || need "setuptools" python3-setuptools
        "$PYTHON" -c 'import rosidl_generator_py' 2>/dev/null ||
            need "the generators of ROS interfaces" ros-jazzy-rosidl-default-generators
        command -v cmake >/dev/null || need "cmake" cmake
        command -v c++ >/dev/null || need "a C++ compiler" build-essential
        tell_missing
    }

    # Beside the system's Python packages, as ROS's are there.
    make_venv() {
        find "$VENV" -mindepth 1 -maxdepth 1 ! -path "$CACHE" -exec rm -rf {} +
        touch "$MARK"
        "$PYTHON" -m venv --system-site-packages "$VENV"
    }

    # At the versions of requirements.lock, but for those that docker/requirements.txt gives.
    install_packages() {
        local given
        given=$(sed -nE 's/^([a-z0-9-]+)==.*/\1/p' "$ROOT/docker/requirements.txt" | paste -sd'|')
        grep -vE "^($given)==" "$CACHE/versions.txt" >"$CACHE/versions_with_ros.txt"
        "$VENV/bin/python" -m pip install --disable-pip-version-check --no-compile \
            --constraint "$CACHE/versions_with_ros.txt" --requirement "$ROOT/docker/requirements.txt"
    }

    # By the environment's Python, so that the installed executables run in it.
    colcon_build() {
        "$VENV/bin/python" -m colcon build --symlink-install --cmake-args -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
    }

    # Nothing to keep: `env` sources the workspace on top of what is sourced then.
    write_environment() { [[ -f $WORKSPACE/install/local_setup.bash ]]; }

    # Not the sourced ROS: it is the ground.
    isolate() { unset PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET; }

    # `ros2` runs on the system's Python: it finds the environment's packages through PYTHONPATH.
    print_environment() {
        local site
        site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        cat <<END_OF_ENVIRONMENT
export VIRTUAL_ENV=$(printf %q "$VENV")
case ":\$PATH:" in *:"\$VIRTUAL_ENV/bin":*) ;; *) export PATH="\$VIRTUAL_ENV/bin:\$PATH" ;; esac
case ":\${PYTHONPATH-}:" in *:$(printf %q "$site"):*) ;; *) export PYTHONPATH=$(printf %q "$site")"\${PYTHONPATH:+:\$PYTHONPATH}" ;; esac
# colcon's script takes variables that are not set for empty.
case \$- in *u*) dsrl_had_u=1; set +u ;; *) dsrl_had_u= ;; esac
. $(printf %q "$WORKSPACE/install/local_setup.bash")
[ -z "\$dsrl_had_u" ] || set -u
unset dsrl_had_u
unset PYTHONHOME
END_OF_ENVIRONMENT
        print_settings
    }
}
