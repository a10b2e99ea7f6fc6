"""Any model's predictions → whom it serves worse: ``python -m fairlib audit``."""
