"""Makes a lesson of concepts: selects what to teach, plans the minutes, writes the elements. Pure."""
