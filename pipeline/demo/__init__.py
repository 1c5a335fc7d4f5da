"""A demonstration on two nights of invented papers, without network or key."""
