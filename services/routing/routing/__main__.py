"""`python -m routing`."""

from chassis.starting import start

start("routing")
