"""Tools of the project: what checks it and draws from it."""
