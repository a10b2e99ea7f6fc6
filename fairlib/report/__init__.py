"""Numbers → HTML: the only rooms that put something on a page, and the gate that reads it again."""
