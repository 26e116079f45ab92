"""Metrics: the figures, each with its definition."""
