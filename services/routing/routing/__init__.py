"""Routing: decides who owns a case, and says why."""
