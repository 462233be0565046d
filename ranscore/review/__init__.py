"""The readers' page: disagreements one at a time, notes, what the notes changed, and rounds. `app.serve` runs it."""
