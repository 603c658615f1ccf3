"""From YAML and overrides to the checked settings of a run, with a place for every mistake."""
