"""What the questions of the student sheets expect, one module for each sheet."""
