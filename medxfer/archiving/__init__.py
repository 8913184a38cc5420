"""A workspace as one archive: made, checked, taken in; and the check of a workspace."""
