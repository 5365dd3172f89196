"""What is recorded of a run without anybody asking, seen from inside its kernel.

`Watch` (watch.py) sees it; the others are what it sees: cells and their order, seeds, files that
are read, the environment. `packages.py` and `machine.py` tell of what a kernel runs in.

The batch kernel loads this room by its place, in the *kernelspec's* interpreter: standard library
only, Python 3.9 or newer, nothing of ours but this room. Nothing here may cost a short notebook
more than a fraction of a millisecond, or change what the person's code does.
"""
