"""Fakes for store, broker and clock; each passes the same suite as the real thing."""
