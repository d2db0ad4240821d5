"""`learnflow import`: history from a CSV file, sent through the POST endpoints.

`mapping` (with `templates`, `values` and `fields`) is pure: from a row of cells to a request body. `source` reads the
file, `rows` puts both together with the idempotency keys, `sender` talks HTTP, `command` talks with people.
"""
