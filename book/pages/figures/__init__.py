"""Figures of the catalogue, one module a stage: evidence → (matplotlib figure, alt text)."""
