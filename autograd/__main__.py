"""`python -m autograd EXPRESSION name=value ...`: see `python -m autograd --help`.

May import: command.
"""

import sys

from autograd.command import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
