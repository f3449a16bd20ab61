"""Carriers, their numbers, products and prices: files an operator edits become versions that never change.

The room promises: a file with a mistake is never published, and every mistake is named with its line; a version once
published stays readable for ever, so that an old quote keeps what it was made from; a price always adds up and says
why each date is what it is.

Public face: `checking.check`, `operations.publish`, `queries.CatalogueCache` and `Snapshot`, `versions.CarrierVersion`,
`pricing.price`, `storefront.products_for`, `sharing.share`, `life_cycle` (`step`, `forecast`, `reminders`, with the
values of `line_facts` and the rules of `CarrierVersion.line_rules`), `monthly_fees`, `explaining.explain`,
`demonstration.demonstration_files`.
"""
