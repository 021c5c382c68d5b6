"""Demos: each file is a lesson that runs by itself; `python -m demos` lists them."""
