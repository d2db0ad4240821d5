"""How far the documents are behind the log: measured, judged, told."""
