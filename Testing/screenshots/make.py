"""Make the pictures of README and docs: python Testing/screenshots/make.py OUT

Needs what the tests need (`pip install -e .[test]`), no screen and no graphics card. Pictures of patients do not go
into the repository: most data sets do not allow it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the pictures; made if missing")
    parser.add_argument("--only", nargs="*", help="names of pictures; all if not given")
    parser.add_argument("--dark", action="store_true", help="in Slicer's dark style")
    parser.add_argument("--scale", type=float, default=1.0, help="of the screen, for example 1.5")
    parser.add_argument("--ct", help="a real CT (file or DICOM folder): one more picture, with the product's own model")
    wanted = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # offscreen has no window to give hints to
    os.environ["QT_SCALE_FACTOR"] = str(wanted.scale)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from states import STATES, real_ct
    from studio import Studio

    states = dict(STATES)
    if wanted.ct:
        states["real-ct"] = real_ct(wanted.ct)
    wanted.out.mkdir(parents=True, exist_ok=True)
    ending = f"{'-dark' if wanted.dark else ''}{f'-{wanted.scale:g}x' if wanted.scale != 1 else ''}"
    for name in wanted.only or states:
        with Studio(wanted.dark) as studio:
            dialog = states[name](studio)
            path = wanted.out / f"{name}{ending}.png"
            studio.picture(dialog).save(str(path), quality=0)  # of PNG: smallest, nothing is lost
            print(path)


if __name__ == "__main__":
    main()
