"""Teaching material, and lessons composed of it. Pure, and the same every time, but for reading packs from folders."""
