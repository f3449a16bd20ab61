"""Where people are served: halls, shops and kiosks, as the operator's file names them.

The room promises: what is shown is what the newest file says, to the letter; hours are judged in the place's own time
zone; where somebody is, who looks for a place, is rounded before it is used, and never stored.

Public face: `places` (what a place is), `files.read_directory`, `operations.publish`, `queries.Directories`, `hours`,
`distance`.
"""
