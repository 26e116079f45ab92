"""Callback: makes the promise, reminds, and judges it kept or broken."""
