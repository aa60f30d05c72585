#!/usr/bin/python3
"""Entry of the demo: see the package `demo` beside this file.   demo.py up | stop | clean"""

import sys

from demo.command import main  # the package: Python prefers it to this file of the same name

if __name__ == "__main__":
    sys.exit(main())
