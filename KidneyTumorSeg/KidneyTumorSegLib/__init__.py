"""KidneyTumorSeg: kidneys, tumors and cysts in CT, as a library that runs without Slicer and without Qt.

The rooms, in the order in which a scan walks through them: `volume` (reading, geometry), `checks`, `inference` (with
`networks` and `models`), `measurements`, `report`, `export`; `pipeline` is the table of contents. `training` makes
models, `evaluation` scores them. `scene` and `gui` are Slicer's doors, `cli` the shell's.
"""

__version__ = "0.1.0"
