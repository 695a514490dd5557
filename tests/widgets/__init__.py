"""Tests of the widgets: what Python writes, and what a browser makes of it."""
