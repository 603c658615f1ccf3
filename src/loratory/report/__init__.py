"""The page and the plots of a run, from its folder alone."""
