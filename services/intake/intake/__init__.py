"""Intake: receives every contact, on any channel, and answers at once."""
