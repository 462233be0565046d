"""Proposes and scores candidates, round by round; one file an algorithm."""
