"""Stand-in for PythonSlicer, which is a launcher with Slicer's Python behind it.

Follows Base/ctkAppLauncher.cpp of commontk/AppLauncher: streams and arguments are passed on; an exit code too; when
the process behind was killed or crashed, the launcher says so on stderr and ends with 1.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def install(folder: Path) -> str:
    """Make it an executable file in a folder; its path."""
    path = folder / "PythonSlicer"
    path.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({__file__!r}, run_name='__main__')\n")
    path.chmod(0o755)
    return str(path)


def main() -> int:
    code = subprocess.call([sys.executable, *sys.argv[1:]])
    if code < 0:
        print(f"error: [{sys.executable}] exit abnormally - Report the problem.", file=sys.stderr, flush=True)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
