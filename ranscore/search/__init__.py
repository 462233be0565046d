"""Proposes and scores candidates: rounds of label, find errors, read notes, search, keep the best; one file an algorithm."""
