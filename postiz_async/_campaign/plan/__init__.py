"""Plan the requests for rows: validation, grouping, alignment of dates, packing."""
