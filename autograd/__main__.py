"""The command: `python -m autograd EXPRESSION name=value ...`; `--help` tells the rest."""

import sys

from autograd.command.console import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
