"""The clinician's loop as data: disagreements, error notes on them, and the edits that the notes become."""
