"""Torture: kills, damaged results, full disks, mutated files, and a book without a network.

``make torture`` runs all of it and keeps what came out in ``book/quality/torture.csv``; the tests here run a sample.
"""
