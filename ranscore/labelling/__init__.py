"""Labels of many reports by a frozen program, written as a table, whole or not at all."""
