"""Signals while modules are imported, and signals that libraries wrap in errors of their own."""

import subprocess
import sys

import pytest

WRAPPED = """
import os, signal, sys, time
from caloforge import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells take from jobs in the background
def verb():
    try:
        os.kill(os.getpid(), signal.{name})
        time.sleep(30)
    except BaseException:
        try:
            raise AttributeError("a module that was being imported has no attribute 'exc'")
        except AttributeError as error:
            raise RuntimeError("Failed to export the model") from error
cli.app = verb
cli.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 1)])
def test_a_signal_stays_one_whatever_a_library_makes_of_it(name, code):
    done = subprocess.run([sys.executable, "-c", WRAPPED.format(name=name)], capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.startswith("stopped; ")
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_modules_are_imported():
    script = """
import importlib.abc, os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells take from jobs in the background
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "caloforge.cli":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(30)
sys.meta_path.insert(0, Slow())
from caloforge.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "stopped before any work\n")


def test_other_errors_of_a_library_are_shown_whole():
    script = "from caloforge import cli\ndef verb():\n    raise RuntimeError('broken') from ValueError('why')\n"
    done = subprocess.run([sys.executable, "-c", script + "cli.app = verb\ncli.main()"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: why" in done.stderr
    assert "RuntimeError: broken" in done.stderr
