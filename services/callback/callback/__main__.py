"""`python -m callback`."""

from chassis.starting import start

start("callback")
