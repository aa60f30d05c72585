#!/usr/bin/python3
"""Entry of the stack launcher: see the package `stack` beside this file."""

import sys

from stack.command import main  # the package: Python prefers it to this file of the same name

if __name__ == "__main__":
    sys.exit(main())
