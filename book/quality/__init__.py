"""What the tests measured, as pages."""
