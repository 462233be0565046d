"""Where the work is done: one file an engine, each with `label` (an embedded model) and `ask` (an endpoint).

An engine takes blocks or units from the desk, which alone knows the ledger, and hands it what came of them. `None` from
the desk means that nothing is to be had just now; the end means that it stops or is done, and an engine then finishes
what is in flight. An engine may give one piece of work twice to its workers, where one of them died, and hands in one
result.
"""
