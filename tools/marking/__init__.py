"""Marks what students hand in: ``python -m marking FOLDER``, with tools on the path.

Each notebook in the folder runs in a process of its own, which the kernel keeps from
files, programs and the network, on clips from a seed that it never sees. The checks stay
on this side: they see a submission only through the values that it sends. Whatever a
submission does, it gets a row in grades.csv and a feedback page.

``reading`` finds and reads the files. ``zygote`` forks a process for each, which
``landlock`` and ``seccomp`` close off; there, ``worker`` runs the cells. ``sandbox`` watches
and questions it, over ``wire``. ``marks`` judges its answers, many at a time with ``crew``;
``store`` keeps what came out, and ``pages`` writes it down.

``taking_in`` reads what a marking starts from: a folder or a zip (``platforms``,
``unpacking``), the platform's list (``participants``), ``deadlines`` and points by hand
(``manual``). ``grading`` makes grades of results, and ``handing_back`` writes the
``classpage``, with pairs from ``likeness``, and what platforms import (``exports``).
"""
