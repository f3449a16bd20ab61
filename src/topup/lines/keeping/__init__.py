"""Keeping a number: how long it lives without a top-up, the least top-up that keeps it until a day, the cheapest row of
them, and what a carrier's plans would cost for it.

Pure. What becomes of a line is worked out by the rules that lines really live by (`catalogue.life_cycle`, `crediting`);
here is only the search. A number is lost from the moment that nothing brings its line back any more: it is over, or
takes no top-up. What is bought is plain credit, at face value: what a way to pay costs besides is not in it.
"""
