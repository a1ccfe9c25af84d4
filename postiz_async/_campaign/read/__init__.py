"""Campaign files to rows: formats, headers, cells, dates."""
