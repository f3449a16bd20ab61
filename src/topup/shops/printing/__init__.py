"""What comes out of printers: receipts, reports of tills, and copies that say so.

The room promises: nothing that is printed holds up a sale; what was asked for is stored with its state and leaves once;
of what may have left nobody prints a second one unmarked; each copy says that it is one and is in the trail; what was
printed is not kept.

Public face: `paper` (what is to be printed), `ports` (who prints), `desk.Printing` (asking for it), `states`.
"""
