"""The reports in a browser without a screen: pictures to look at, and that nothing is cut off."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dsrl_core.data.film_strips import write_strip
from dsrl_core.evaluation.ab_report import render_ab_report
from dsrl_core.evaluation.run_data import read_run
from dsrl_core.evaluation.run_report import render_run_report
from tests.core.ab_setup import BOTH, LOSS, WIN, ab_test
from tests.core.test_ab_report import FACTS, OPENED
from tests.core.test_film_strips import strip
from tests.core.test_run_report import POLICY, folder  # noqa: F401

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZES = [(1280, 720), (1920, 1080)]
TOO_WIDE = """<script>
const parts = [document.documentElement, ...document.querySelectorAll(".scroll")];
const cut = parts.filter(part => part.scrollWidth > part.clientWidth + 1);
document.title = "cut off: " + cut.map(part => part.innerText.slice(0, 60)).join(" | ");
</script>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that opens a page and ends."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: apt-get install {BROWSERS[0]}")
    profile = tmp_path_factory.mktemp("profile")
    command = [
        found,
        "--headless",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
    ]
    # A browser does not run as root in a sandbox; the pages are ours and load nothing.
    return [*command, "--no-sandbox"] if os.geteuid() == 0 else command


def page_of(kind: str, run: Path) -> str:
    if kind == "run":
        write_strip(run, 0, strip(6))
        data = read_run(run)
        return render_run_report([data, data], {POLICY.name: POLICY}, {"dsrl_core": "0.1.0"})
    graded = [(0.25, 1.0), (0.0, 0.75)]
    test = ab_test([WIN] * 6 + [BOTH] * 3 + [LOSS, *graded], margin=0.1)
    return render_ab_report(test, FACTS, OPENED)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["run", "comparison"])
def test_a_page_is_as_wide_as_its_window(
    browser: list[str],
    folder: Path,  # noqa: F811
    tmp_path: Path,
    artefacts: Path,
    kind: str,
    size: tuple[int, int],
) -> None:
    page = tmp_path / "page.html"
    page.write_text(page_of(kind, folder).replace("</body>", f"{TOO_WIDE}</body>"))
    picture = artefacts / f"report_{kind}_{size[0]}x{size[1]}.png"
    picture.unlink(missing_ok=True)
    window = f"--window-size={size[0]},{size[1]}"
    # One start for the picture and one for what a script finds.
    subprocess.run(
        [*browser, window, f"--screenshot={picture}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    found = subprocess.run(
        [*browser, window, "--dump-dom", page.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert picture.stat().st_size > 10_000
    title = re.search(r"<title>(.*?)</title>", found.stdout, re.DOTALL)
    assert title is not None
    assert title[1] == "cut off: "
