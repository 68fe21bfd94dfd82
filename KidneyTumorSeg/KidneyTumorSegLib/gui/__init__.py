"""The panel's parts: what it shows, what it needs installed. Qt through Slicer; no maths.

Only setters of Qt's classes are called here (`setText`, never `text`): they are the same in PythonQt and in PySide.
"""
