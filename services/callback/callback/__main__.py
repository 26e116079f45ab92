"""`python -m callback`."""

from callback.main import run

run()
