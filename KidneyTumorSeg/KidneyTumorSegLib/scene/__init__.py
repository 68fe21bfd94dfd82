"""Slicer's scene on one side, the library's objects on the other; and the worker that keeps Slicer responsive.

World is RAS in the scene and LPS in the library: the only sign changes of the product live here, in `geometry.py`.
Nothing here is imported by importing the room, so that the worker process starts without Slicer's classes.
"""
