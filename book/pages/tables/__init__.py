"""Tables of the catalogue, one module a stage: evidence → small DataFrames of formatted text."""
