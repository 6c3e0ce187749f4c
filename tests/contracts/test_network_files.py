"""What is shipped for two machines is what our nodes and the documentation speak of."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NETWORK = ROOT / "docker" / "network"


def sourced(file: str, *given: str) -> subprocess.CompletedProcess[str]:
    text = "\n".join(["set -ea", *given, f". {NETWORK / file}", "env"])
    return subprocess.run(["bash", "-c", text], env={}, capture_output=True, text=True)


def test_the_discovery_server_is_asked_at_the_address_that_was_given() -> None:
    told = sourced("discovery_server.env", "SERVER_ADDRESS=10.0.0.2").stdout.splitlines()
    assert "ROS_DISCOVERY_SERVER=10.0.0.2:11811" in told
    assert "ROS_SUPER_CLIENT=true" in told
    refused = sourced("discovery_server.env")
    assert refused.returncode != 0
    assert "set SERVER_ADDRESS" in refused.stderr


def test_zenoh_listens_beyond_its_machine_with_certificates_of_both_sides_only() -> None:
    assert "RMW_IMPLEMENTATION=rmw_zenoh_cpp" in sourced("zenoh.env").stdout.splitlines()
    for file in NETWORK.glob("zenoh_*.json5"):
        text = file.read_text()
        endpoints = re.findall(r"\b(tcp|tls|udp|quic)/([\w.-]+):\d+", text)
        assert endpoints
        assert all(kind == "tls" or host == "localhost" for kind, host in endpoints), file.name
        assert "enable_mtls: true" in text


def test_files_that_the_documentation_names_are_there() -> None:
    for page in ("docs/cells.md", "SECURITY.md", "docker/README.md"):
        folder = (ROOT / page).parent
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
            assert (folder / link).exists(), f"{page}: {link}"
