"""The revisions, oldest first; each runs SQL files of `../sql`."""
