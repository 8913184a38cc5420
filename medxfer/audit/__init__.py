"""What would make a number from a data set untrustworthy, looked for before anything is learned."""
