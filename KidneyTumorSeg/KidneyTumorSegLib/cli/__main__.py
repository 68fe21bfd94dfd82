"""`python -m KidneyTumorSegLib.cli`: what headless.py starts."""

import sys

from .main import main

sys.exit(main())
