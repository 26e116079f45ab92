"""`python -m metrics`."""

from chassis.starting import start

start("metrics")
