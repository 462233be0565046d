"""Metrics of labels against a reference: one file a metric, each with one `compute(counts)`."""
