"""Marks what students hand in: ``python -m marking FOLDER``, with tools on the path.

Each notebook in the folder runs in a process of its own, with limits of time and
memory, on clips from a seed that students don't know. The checks stay on this side: they
see a submission only through the values that it sends. Whatever a submission does, it
gets a row in grades.csv and a feedback page.

``reading`` finds and reads the files, ``sandbox`` runs one in the process of ``worker``,
``marks`` judges its answers, and ``pages`` writes down what came out.
"""
