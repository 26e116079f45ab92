"""Casework: what an owner does with a case until it is resolved."""
