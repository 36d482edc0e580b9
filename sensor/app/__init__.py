"""The second stage: wires collectors, enrichment, pipeline and shippers into one running sensor."""
