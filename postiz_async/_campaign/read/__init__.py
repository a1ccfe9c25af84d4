"""Read campaign files into rows: formats, headers, cells, dates."""
