"""What runs and what is kept: parameters, the registry of tables, runs, results, frozen results."""
