"""The documents that GETs are answered from: their shape, their keys, their codec. Pure code."""
