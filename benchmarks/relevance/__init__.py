"""How well searches find what people mean: judged queries over real titles.

- ``names``, ``titles``: names as they are compared; the titles that queries are judged against.
- ``predicates``, ``judgements``: what answers a query; ``sets/`` holds those written by hand.
- ``slips``, ``numerals``, ``generated``: queries made from the titles by a seed.
- ``measures``: success, MRR and nDCG of an answer, with intervals.
- ``engines``: the searches that are compared.
- ``corpus``, ``evaluation``, ``table``: the catalogue, a run over it, and its tables.
- ``fit``: weights of the search's evidence, from the tuning half.
- ``latency``: how fast the engines are, over made-up titles of any number.

Each set has two halves. Searches are tuned on the tuning half; the testing half was committed
before any of the ranking and is opened for reported runs only.
"""
