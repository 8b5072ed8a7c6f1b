"""The machine: graph, packets, links, custody, order, supervision, bus.

Knows nothing of video or fashion: a stage's author meets only `runtime.stage`, `runtime.packet`,
`runtime.properties` and `runtime.errors`.
"""

__version__ = "0.1.0"
