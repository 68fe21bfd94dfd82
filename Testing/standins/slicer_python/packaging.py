"""Stand-in for `slicer.packaging`. Follows Base/Python/slicer/packaging.py of Slicer 5.11 and newer: `pip_install`
takes a list of pip's arguments, and without blocking tells each line and at the end the exit code.

What it runs is pip with the arguments of `TARGET`, so that a test installs into a folder of its own.
"""

import subprocess
import sys
from subprocess import CalledProcessError

from PySide6 import QtCore

TARGET: list[str] = []


def pip_install(requirements, blocking=True, show_progress=True, logCallback=None, completedCallback=None):
    arguments = [sys.executable, "-m", "pip", "install", *TARGET, *requirements]
    if blocking:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        if done.returncode:
            raise CalledProcessError(done.returncode, arguments)
        return
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer = QtCore.QTimer()  # Slicer's own reads with a thread and polls with a timer

    def poll():
        if process.poll() is not None:
            timer.stop()
            for line in process.stdout.read().splitlines():
                logCallback(line)
            completedCallback(process.returncode)

    timer.timeout.connect(poll)
    timer.start(20)


def pip_uninstall(requirements, blocking=True):
    print(f"uninstall {requirements}")
