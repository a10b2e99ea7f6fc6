"""How many faults, put into the code one at a time, the tests find. ``python -m tests.mutants`` prints it."""
