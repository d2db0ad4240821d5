"""The composer, packs of teaching material, and the search in them."""
