"""A payment gateway of the page-pay kind: a pay page, a signed JSON interface, events that are resent until heard."""
