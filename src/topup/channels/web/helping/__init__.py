"""The pages of help: answers, what is the matter, tickets, what is official, places, the best time.

The room promises: nothing of it needs an account or a script; a question a page; what somebody typed stands in no
address but sealed.

Public face: `routes.help_routes`.
"""
