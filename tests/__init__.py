"""The tests, in folders as the rooms are; what they share stands up here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
