"""The counter: where clerks find a line, sell, take money, keep their drawer, and take care of what went wrong.

The room promises: nothing is credited before the clerk says that the money is in the drawer, or the provider that it
came; a sale that was cut off half-way is found again with all that became of it; what one may not see is masked, and
looking at it takes a reason that is in the trail. All of it works with keys alone and without JavaScript.

Public face: `router.Counter`.
"""
