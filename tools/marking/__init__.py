"""Marks what students hand in: ``python -m marking FOLDER``, with tools on the path.

Each notebook in the folder runs in a process of its own, with limits of time and
memory, on clips from a seed that students don't know. The checks stay on this side: they
see a submission only through the values that it sends. Whatever a submission does, it
gets a row in grades.csv and a feedback page.

``reading`` finds and reads the files, ``sandbox`` runs one in the process of ``worker``,
``marks`` judges its answers, and ``pages`` writes down what came out.

``taking_in`` reads what a marking starts from: a folder or a zip (``platforms``,
``unpacking``), the platform's list (``participants``), ``deadlines`` and points by hand
(``manual``). ``grading`` makes grades of results, and ``handing_back`` writes the
``classpage``, with pairs from ``likeness``, and what platforms import (``exports``).
"""
