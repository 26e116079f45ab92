"""The figures, one group each: a module measures its group and answers a table."""
