"""A report of what a detector heard in new recordings: one HTML file that opens offline.

It holds all that it shows, sounds and pictures too, and asks the net for nothing. Its
numbers are those of `judge_recordings`, and so of ``esa4 score``.
"""

from .page import write_report

__all__ = ["write_report"]
