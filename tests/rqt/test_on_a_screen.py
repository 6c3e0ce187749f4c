"""The window on a real X server: Xvfb, where it is installed. Its pictures are kept to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

SHOW = """
import sys
from tests.rqt.scenes import SCENES, FakeGraph
from rqt_dsrl.qt import QtWidgets
from rqt_dsrl.screen import check_screen
from rqt_dsrl.widget import OperatorWidget

check_screen()
scene, width, height, path = sys.argv[1:]
application = QtWidgets.QApplication(["window"])
application.setStyle("Fusion")
widget = OperatorWidget(FakeGraph(SCENES[scene]()))
widget.setGeometry(0, 0, int(width), int(height))
widget.show()
for _ in range(20):
    application.processEvents()
assert application.platformName() == "xcb", application.platformName()
assert application.primaryScreen().grabWindow(0).save(path)
widget.stop()
"""


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=str)
@pytest.mark.parametrize("scene", ["running", "awaiting"])
def test_what_the_screen_shows_is_the_window(
    scene: str, size: tuple[int, int], artefacts: Path
) -> None:
    width, height = map(str, size)
    path = artefacts / f"screen_{scene}_{width}x{height}.png"
    with x_server(size) as display:
        environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        command = [sys.executable, "-c", SHOW, scene, width, height, str(path)]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if "apt-get install libxcb" in shown.stderr:
        pytest.skip(shown.stderr.strip().splitlines()[-1])
    assert shown.returncode == 0, shown.stderr
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape[:2] == size[::-1]
    bottom = picture[-1 - size[1] // 12, :, 2].astype(int) - picture[-1 - size[1] // 12, :, 1]
    assert bottom[-size[0] // 6 :].max() > 100, "STOP is red, and at the lower right"


@contextmanager
def x_server(size: tuple[int, int]) -> Iterator[str]:
    """A screen of this size; the display's name."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("no Xvfb: apt-get install xvfb")
    ours, its = os.pipe()
    screen = f"{size[0]}x{size[1]}x24"
    command = [program, "-displayfd", str(its), "-screen", "0", screen, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[its], stderr=subprocess.DEVNULL)
    os.close(its)
    try:
        with os.fdopen(ours) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()
