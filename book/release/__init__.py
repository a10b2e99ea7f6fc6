"""The audit of the paper's release, and its claims."""
