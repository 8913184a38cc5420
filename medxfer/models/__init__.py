"""ResNets by depth: their stages, heads, cost, weight sources and freezing."""
