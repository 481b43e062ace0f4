"""The report as PDF, printed by a browser of this machine."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from caloforge.errors import InputError, RunError
from caloforge.files import replacing

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave",
)
SECONDS = 120


def find_browser() -> str:
    """Path of a browser that prints pages without a window.

    Raises:
        InputError: there is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise InputError("--pdf needs Chromium, Chrome, Edge or Brave on the PATH; or print report.html from a browser")


def print_report(page: Path, output: Path) -> None:
    """Print a page into a PDF file, whole or not at all.

    Raises:
        InputError: there is no browser, or the folder cannot be written.
        RunError: the browser fails.
    """
    browser = find_browser()
    with replacing(output) as beside, tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--disable-gpu", "--no-sandbox", f"--user-data-dir={profile}",
                   "--no-pdf-header-footer", "--virtual-time-budget=10000", f"--print-to-pdf={beside.absolute()}",
                   page.absolute().as_uri()]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise RunError(f"{browser} did not print {page} within {SECONDS} s") from None
        if done.returncode or not beside.is_file() or beside.stat().st_size == 0:
            raise RunError(
                f"{browser} could not print {page}: {(done.stderr.splitlines() or ['no message'])[-1][:200]}"
            )
